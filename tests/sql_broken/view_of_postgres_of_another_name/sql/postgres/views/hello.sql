-- hello: what it is
CREATE OR REPLACE VIEW greetings AS
SELECT 1 AS a;
