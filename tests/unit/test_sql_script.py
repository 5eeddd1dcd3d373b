"""jobs/sql_script.py and jobs/sql_suite.py: how scripts are split, filled in, ordered and checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.sql_script import Fault, ScriptError, Statement, parse, read_env, read_script, substitute
from jobs.sql_suite import grain, job_header, job_names, load_order, read_job, read_suite

SECRET = "hunter2-swordfish"


def texts(script: str) -> list[str]:
    return [statement.text for statement in parse(script, "a.sql")]


def one(script: str) -> Statement:
    (statement,) = parse(script, "a.sql")
    return statement


def faults(script: str) -> list[Fault]:
    with pytest.raises(ScriptError) as caught:
        parse(script, "a.sql")
    return caught.value.faults


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


# Splitting


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'a;b'",
        "SELECT 'it''s; -- no comment'",
        "SELECT ''';'",
        "SELECT '/* ; */'",
        "SELECT 'a\n;\nb'",
        "SELECT E'it\\'s; here'",
        "SELECT `a;b` FROM `c``;d`",
        "SELECT `it's` FROM t",
        "SELECT 1 -- it's; not the end\n + 1",
        "SELECT 1 // it's; not the end\n + 1",
        "SELECT 1 /* it's; -- not ` the end */ + 1",
        "SELECT 1 /* a /* b; */ + 1",
        "SELECT 1 /**/ + 1 /*/ ; */ + 2",
        "SELECT /*+ OPTIONS('a' = 'b;*/c') */ x FROM t",
        "SELECT 6 / 3 * 2 - -1",
    ],
)
def test_a_semicolon_or_comment_sign_inside_strings_names_comments_and_hints_means_nothing(statement: str) -> None:
    assert texts(f"{statement};\nSELECT 2;") == [statement, "SELECT 2"]


def test_comments_go_at_both_ends_and_stay_inside() -> None:
    assert texts("-- why\n/* and\nhow */ SELECT 1 -- one\n, 2 -- two\n; -- end") == ["SELECT 1 -- one\n, 2"]


def test_a_hint_is_no_comment() -> None:
    assert texts("/*+ A() */ SELECT 1 /*+ B() */;") == ["/*+ A() */ SELECT 1 /*+ B() */"]


def test_the_last_statement_needs_no_semicolon_and_empty_ones_are_skipped() -> None:
    assert texts(";;SELECT 1;; -- nothing\n;SELECT 2") == ["SELECT 1", "SELECT 2"]
    assert texts("-- only this") == texts("") == []


def test_a_statement_knows_its_path_and_the_line_of_its_first_token() -> None:
    first, second = parse("-- why\n\nSELECT\n 1;\n\n/* a\n b */ SELECT 2;", Path("sql/a.sql"))
    assert (first.path, first.line, second.line) == ("sql/a.sql", 3, 7)


# Statement sets


def test_a_statement_set_is_one_statement() -> None:
    text = "EXECUTE STATEMENT SET BEGIN\nINSERT INTO a SELECT 1;\nINSERT INTO b SELECT 2;\nEND"
    assert texts(f"SET 'a' = 'b';\n{text};\nSELECT 1") == ["SET 'a' = 'b'", text, "SELECT 1"]


def test_an_explained_statement_set_is_one_statement() -> None:
    text = "EXPLAIN PLAN_ADVICE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END"
    assert texts(text) == [text]


def test_the_form_of_sql_client_becomes_the_form_of_execute_sql_on_the_same_lines() -> None:
    (statement,) = parse("\nBEGIN STATEMENT SET;\nINSERT INTO a SELECT 1;\nEND;", "a.sql")
    assert statement.text == "EXECUTE STATEMENT SET BEGIN\nINSERT INTO a SELECT 1;\nEND"
    assert (statement.kind, statement.line) == ("EXECUTE STATEMENT SET", 2)
    assert one("BEGIN -- one\nSTATEMENT\nSET; INSERT INTO a SELECT 1; END").text.splitlines()[2] == (
        " INSERT INTO a SELECT 1; END"
    )


def test_a_case_does_not_end_a_statement_set() -> None:
    text = (
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT CASE x WHEN 1 THEN CASE WHEN y THEN 'END' END ELSE 2 END"
        " FROM t; INSERT INTO b SELECT `end`, 1 -- END\n FROM t; END"
    )
    assert texts(f"{text}; SELECT CASE WHEN a THEN b END; SELECT 2") == [
        text,
        "SELECT CASE WHEN a THEN b END",
        "SELECT 2",
    ]


def test_a_statement_set_that_never_ends_is_a_fault_where_it_begins() -> None:
    (fault,) = faults("SELECT 1;\nEXECUTE STATEMENT SET BEGIN\nINSERT INTO a SELECT CASE WHEN x THEN 1 END;\n")
    assert fault.line == 2
    assert "write END;" in fault.message


def test_something_between_end_and_its_semicolon_is_a_fault() -> None:
    (fault,) = faults("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END\n\nSELECT 2;")
    assert fault == Fault("a.sql", 3, "found SELECT after the END of a statement set: write END;")


# Faults


@pytest.mark.parametrize("opened", ["'never", "`never", "/* never", "/*+ never", "''' never"])
def test_what_is_never_closed_is_a_fault_where_it_was_opened(opened: str) -> None:
    (fault,) = faults(f"SELECT 1;\nSELECT\n  {opened} ;\nSELECT 2;\n")
    assert fault.line == 3
    assert "write" in fault.message


def test_a_string_that_ran_over_lines_is_named_as_the_likely_place() -> None:
    (fault,) = faults("SELECT 'a;\nSELECT 'b';\n")
    assert fault.line == 2
    assert "the string of line 1 runs over several lines" in fault.message


def test_all_faults_of_a_file_come_in_one_report_with_a_line_each() -> None:
    with pytest.raises(ScriptError) as caught:
        parse("SELECT `a\n;\nSELECT \"it's\";\nSELECT `b`, 'c;\n", "sql/a.sql")
    assert [fault.line for fault in caught.value.faults] == [1, 3, 4]
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        "sql/a.sql:1",
        "sql/a.sql:3",
        "sql/a.sql:4",
    ]


def test_a_file_that_is_not_there_or_not_utf8_is_a_fault_without_a_line(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"no\.sql: can't be read"):
        read_script(tmp_path / "no.sql")
    (tmp_path / "latin.sql").write_bytes(b"SELECT '\xe9'")
    with pytest.raises(ScriptError, match=r"latin\.sql: is not UTF-8"):
        read_script(tmp_path / "latin.sql")


# What a statement is


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("create table t (x INT)", "CREATE TABLE", "t"),
        ("CREATE TABLE IF NOT EXISTS `a ``b` (x INT)", "CREATE TABLE", "a `b"),
        ("CREATE /* why */ TEMPORARY TABLE db.`t` (x INT)", "CREATE TABLE", "db.t"),
        ("CREATE OR REPLACE TABLE t AS SELECT 1", "CREATE TABLE", "t"),
        ("CREATE TEMPORARY VIEW IF NOT EXISTS v AS SELECT 1", "CREATE VIEW", "v"),
        ("CREATE TEMPORARY SYSTEM FUNCTION f AS 'm.f' LANGUAGE PYTHON", "CREATE FUNCTION", "f"),
        ("CREATE MATERIALIZED TABLE m AS SELECT 1", "CREATE MATERIALIZED TABLE", "m"),
        ("CREATE CATALOG c WITH ('type' = 'jdbc')", "CREATE CATALOG", "c"),
        ("ALTER TABLE t SET ('a' = 'b')", "ALTER TABLE", None),
        ("DROP TEMPORARY VIEW IF EXISTS v", "DROP VIEW", None),
        ("INSERT INTO t SELECT 1", "INSERT", None),
        ("EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1; END", "EXECUTE STATEMENT SET", None),
        ("EXPLAIN STATEMENT SET BEGIN INSERT INTO t SELECT 1; END", "EXPLAIN STATEMENT SET", None),
        ("EXPLAIN SELECT 1", "EXPLAIN", None),
        ("SET 'a' = 'b'", "SET", None),
        ("(SELECT 1)", "", None),
    ],
)
def test_kind_and_name_are_read_from_the_first_words(text: str, kind: str, name: str | None) -> None:
    statement = one(text)
    assert (statement.kind, statement.name) == (kind, name)
    assert statement.temporary == (" TEMPORARY " in text and kind.startswith("CREATE"))


def test_a_set_gives_its_key_and_value_unquoted() -> None:
    assert one("set 'a.b' /* why */ = 'it''s; 1'").set_option == ("a.b", "it's; 1")


@pytest.mark.parametrize("text", ["SET", "SET a = b", "SET 'a'", "SET 'a' = 'b' 'c'", "INSERT INTO t SELECT 1"])
def test_what_is_no_quoted_set_has_no_option(text: str) -> None:
    assert one(text).set_option is None


# ${NAME}


def filled(script: str, **values: str) -> str:
    return substitute(parse(script, "sql/tables/t.sql"), values)[0].text


def substitution_faults(script: str, **values: str) -> list[Fault]:
    with pytest.raises(ScriptError) as caught:
        filled(script, **values)
    return caught.value.faults


def test_values_fill_quoted_option_values_and_their_quotes_are_doubled() -> None:
    text = filled("CREATE TABLE t (x INT) WITH ('url' = '${HOST}:${PORT}/${DB}')", HOST="h", PORT="1", DB="it's")
    assert text == "CREATE TABLE t (x INT) WITH ('url' = 'h:1/it''s')"


def test_a_value_is_taken_as_it_is() -> None:
    assert "'${B}\\1'" in filled("CREATE TABLE t (x INT) WITH ('a' = '${A}')", A="${B}\\1")


def test_options_before_a_like_are_filled_too() -> None:
    assert filled("CREATE TABLE t WITH ('a' = '${A}') LIKE u (EXCLUDING OPTIONS)", A="1") == (
        "CREATE TABLE t WITH ('a' = '1') LIKE u (EXCLUDING OPTIONS)"
    )


def test_a_comment_may_speak_of_variables() -> None:
    text = "CREATE TABLE t (x INT) WITH ('a' = 'b' /* not ${A} */)"
    assert filled(text) == text


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE ${A} (x INT)",
        "CREATE TABLE `${A}` (x INT)",
        "CREATE TABLE t (x INT COMMENT '${A}')",
        "CREATE TABLE t (x AS f(y = '${A}')) WITH ('a' = 'b')",
        "CREATE TABLE t (x INT) WITH ('${A}' = 'b')",
        "CREATE TABLE t (x INT) WITH ('a' = ${A})",
        "CREATE VIEW v AS SELECT '${A}'",
        "CREATE VIEW v AS SELECT /*+ OPTIONS('a' = '${A}') */ * FROM t",
        "INSERT INTO t SELECT * FROM u WHERE ${A} = 1",
    ],
)
def test_a_variable_anywhere_else_is_a_fault(script: str) -> None:
    (fault,) = substitution_faults(script, A=SECRET)
    assert "quoted option values of sql/tables/*.sql" in fault.message
    assert SECRET not in str(fault)


def test_an_unknown_name_is_a_fault_at_its_own_line_with_the_close_name_and_where_to_set_it() -> None:
    script = "\nCREATE TABLE t (x INT)\nWITH (\n  'a' = 'b',\n  'c' = '${KAFKA_SERVER}')"
    with pytest.raises(ScriptError) as caught:
        filled(script, KAFKA_SERVERS=SECRET)
    assert str(caught.value) == (
        "sql/tables/t.sql:5: ${KAFKA_SERVER} has no value: set KAFKA_SERVER in flink-conf/local.env or the environment"
        "; did you mean KAFKA_SERVERS?"
    )


@pytest.mark.parametrize("written", ["${}", "${A", "${A-B}", "${A:-b}", "${1}"])
def test_a_malformed_variable_is_a_fault(written: str) -> None:
    (fault,) = substitution_faults(f"CREATE TABLE t (x INT) WITH ('a' = '{written}')", A="1")
    assert "write ${NAME}" in fault.message


def test_all_substitution_faults_come_in_one_report_and_none_shows_a_value() -> None:
    script = "CREATE TABLE t (x INT COMMENT '${A}') WITH (\n'a' = '${A}',\n'b' = '${B}${',\n'c' = '${C}')"
    found = substitution_faults(script, A=SECRET, AA=SECRET)
    assert [fault.line for fault in found] == [1, 3, 3, 4]
    assert SECRET not in str(ScriptError(found))


# Order


def order(**scripts: str) -> list[str]:
    return load_order({name: parse(text, f"{name}.sql") for name, text in scripts.items()})


def test_each_name_comes_after_those_it_mentions_and_alphabetically_where_free() -> None:
    assert order(
        b="CREATE VIEW b AS SELECT * FROM z JOIN TUMBLE(TABLE `c`, x, y)",
        a="CREATE VIEW a AS SELECT * FROM b",
        z="CREATE TABLE z LIKE y",
        y="CREATE TABLE y (x INT)",
        c="CREATE TABLE c (x INT)",
    ) == ["c", "y", "z", "b", "a"]


def test_columns_aliases_strings_and_comments_of_the_same_name_are_no_mention() -> None:
    assert order(
        a="CREATE TABLE a (b INT, x AS b) WITH ('connector' = 'b')",
        b="CREATE VIEW b AS SELECT 'c' AS c -- from c\n FROM a",
        c="CREATE VIEW c AS SELECT b AS a FROM b",
    ) == ["a", "b", "c"]


def test_a_circle_is_a_fault_that_names_it() -> None:
    with pytest.raises(ScriptError, match=r"^a\.sql:2: found a circle, a → c → b → a"):
        order(
            a="\nCREATE VIEW a AS SELECT * FROM c",
            b="CREATE VIEW b AS SELECT * FROM a",
            c="CREATE VIEW c AS SELECT * FROM b",
            d="CREATE TABLE d (x INT)",
        )


# Job files


def test_the_first_line_of_a_job_gives_its_name_and_grain(tmp_path: Path) -> None:
    path = write(tmp_path, {"visits.sql": "-- visits: one row per visit: that is, a session \n-- why\n"}) / "visits.sql"
    assert job_header(path) == ("visits", "one row per visit: that is, a session")
    assert grain(path) == "one row per visit: that is, a session"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "SELECT 1",
        "-- visits",
        "-- visits: rows",
        "-- sessions: one row per visit",
        "\n-- visits: one row per visit",
    ],
)
def test_another_first_line_is_a_fault_that_says_what_to_write(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, {"visits.sql": f"{line}\n"}) / "visits.sql"
    with pytest.raises(ScriptError, match=r"visits\.sql:1: .*write -- visits: one row per"):
        grain(path)


SUITE = {
    "tables/events.sql": "CREATE TABLE events (x INT) WITH ('a' = '${A}');",
    "tables/visits.sql": "-- visits\nCREATE TABLE visits (x INT);",
    "views/clicks.sql": "CREATE VIEW clicks AS SELECT * FROM events;",
    "functions.sql": "CREATE TEMPORARY SYSTEM FUNCTION f AS 'm.f' LANGUAGE PYTHON;",
}
JOB = "-- visits: one row per visit\n"


def suite_report(root: Path, **values: str) -> str:
    with pytest.raises(ScriptError) as caught:
        read_suite(root, values)
    return str(caught.value).replace(f"{root}/", "")


def job_report(root: Path, name: str = "visits") -> str:
    with pytest.raises(ScriptError) as caught:
        read_job(root, name)
    return str(caught.value).replace(f"{root}/", "")


def test_the_suite_is_functions_then_tables_and_views_in_order_filled_in(tmp_path: Path) -> None:
    statements = read_suite(write(tmp_path, SUITE), {"A": "1"})
    assert [statement.name for statement in statements] == ["f", "events", "clicks", "visits"]
    assert statements[1].text.endswith("WITH ('a' = '1')")


@pytest.mark.parametrize("functions", [None, "", "-- none yet\n"])
def test_there_may_be_no_functions(tmp_path: Path, functions: str | None) -> None:
    files = {"tables/t.sql": "CREATE TABLE t (x INT)"} | ({} if functions is None else {"functions.sql": functions})
    assert [statement.name for statement in read_suite(write(tmp_path, files), {})] == ["t"]


def test_the_faults_of_all_files_of_a_suite_come_in_one_report(tmp_path: Path) -> None:
    files = {
        "functions.sql": "\nCREATE TABLE f (x INT);",
        "tables/a.sql": "CREATE TABLE b (x INT);",
        "tables/c.sql": "CREATE TABLE c (x INT);\nCREATE TABLE d (x INT);",
        "tables/e.sql": "CREATE TABLE e (x INT) WITH (\n'a' = '${NO}');",
        "tables/g.sql": "-- empty",
        "tables/h.sql": "CREATE TEMPORARY TABLE h (x INT);",
        "views/c.sql": "CREATE VIEW c AS SELECT 1;",
        "views/i.sql": "SELECT 'never",
        "views/j.sql": "CREATE VIEW j AS\nSELECT '${A}';",
        "views/k.sql": "CREATE TABLE k (x INT);",
        "views/e.sql": "CREATE VIEW e AS SELECT 1;",
    }
    report = suite_report(write(tmp_path, files), A=SECRET).splitlines()
    assert [line.split(": ")[0] for line in report] == [
        "functions.sql:2",
        "tables/a.sql:1",
        "tables/c.sql:2",
        "tables/e.sql:2",
        "tables/g.sql:1",
        "tables/h.sql:1",
        "views/e.sql:1",
        "views/i.sql:1",
        "views/j.sql:2",
        "views/k.sql:1",
    ]
    assert SECRET not in "\n".join(report)


def test_a_job_is_settings_and_temporary_views_and_one_insert(tmp_path: Path) -> None:
    script = f"{JOB}SET 'a' = 'b';\nCREATE TEMPORARY VIEW v AS SELECT 1;\nINSERT INTO visits SELECT * FROM v;"
    root = write(tmp_path, {"jobs/visits.sql": script, "jobs/a.sql": ""})
    assert [statement.kind for statement in read_job(root, "visits")] == ["SET", "CREATE VIEW", "INSERT"]
    assert job_names(root) == ["a", "visits"]


def test_a_job_may_be_a_statement_set(tmp_path: Path) -> None:
    root = write(tmp_path, {"jobs/visits.sql": f"{JOB}BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;"})
    assert [statement.kind for statement in read_job(root, "visits")] == ["EXECUTE STATEMENT SET"]


def test_all_faults_of_a_job_come_in_one_report(tmp_path: Path) -> None:
    script = (
        "-- oops\nSET a = b;\nCREATE VIEW v AS SELECT 1;\nDROP TABLE t;\nINSERT INTO a SELECT '${A}';\n"
        "INSERT INTO b SELECT 1;\nSET 'a' = 'b';\n"
    )
    report = job_report(write(tmp_path, {"jobs/visits.sql": script})).splitlines()
    assert [line.split(": ")[0] for line in report] == [f"jobs/visits.sql:{line}" for line in (1, 2, 3, 4, 6, 7, 5)]
    assert "another INSERT after that of line 5" in report[4]


def test_a_job_without_insert_is_a_fault(tmp_path: Path) -> None:
    assert "found no INSERT" in job_report(write(tmp_path, {"jobs/visits.sql": f"{JOB}SET 'a' = 'b';"}))


def test_an_unknown_job_is_a_fault_that_lists_the_jobs_and_the_close_one(tmp_path: Path) -> None:
    root = write(tmp_path, {"jobs/visits.sql": JOB, "jobs/clicks.sql": ""})
    expected = "there is no job {}; did you mean visits? (the jobs are clicks, visits)"
    assert expected.format("vists") in job_report(root, "vists")
    assert expected.format("sql/jobs/visits.sql") in job_report(root, "sql/jobs/visits.sql")


# Env files


def env(
    tmp_path: Path, text: str, environ: dict[str, str] | None = None, earlier: dict[str, str] | None = None
) -> dict[str, str]:
    return read_env(write(tmp_path, {"local.env": text}) / "local.env", environ or {}, earlier)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("  export A = b".replace(" = ", "="), "b"),
        ("A=", ""),
        ("A= b c \t", "b c"),
        ("A=b=c", "b=c"),
        ("A=b#c # d", "b#c"),
        ("A= # d", ""),
        ("A='b # ${C}' # d", "b # ${C}"),
        ('A="b # c"', "b # c"),
        ("A=it's", "it's"),
        ("A=$b", "$b"),
    ],
)
def test_a_line_of_an_env_file_gives_a_value(tmp_path: Path, line: str, value: str) -> None:
    assert env(tmp_path, f"# comment\n\n  # too\n{line}\n") == {"A": value}


def test_a_value_may_use_earlier_lines_files_and_the_environment(tmp_path: Path) -> None:
    text = 'HOST=h\nURL="${SCHEME}://${HOST}:${PORT}"\n'
    assert env(tmp_path, text, {"PORT": "1"}, {"SCHEME": "s"})["URL"] == "s://h:1"


def test_a_later_line_or_file_wins_and_the_environment_wins_over_both(tmp_path: Path) -> None:
    assert env(tmp_path, "A=1\nA=2\nB=${A}", earlier={"A": "0", "C": "3"}) == {"A": "2", "B": "2", "C": "3"}
    assert env(tmp_path, "A=1\nB=x${A}", {"A": "9", "Z": "0"}) == {"A": "9", "B": "x9"}


def test_all_faults_of_an_env_file_come_in_one_report_without_values(tmp_path: Path) -> None:
    text = f"HOST=h\nA={SECRET}${{HOTS}}\n{SECRET}\nB='{SECRET}\n1A={SECRET}\nC=${{B:-{SECRET}}}\nD=${{D}}\n"
    with pytest.raises(ScriptError) as caught:
        env(tmp_path, text)
    assert [fault.line for fault in caught.value.faults] == [2, 3, 4, 5, 6, 7]
    assert "did you mean HOST?" in caught.value.faults[0].message
    assert SECRET not in str(caught.value)
