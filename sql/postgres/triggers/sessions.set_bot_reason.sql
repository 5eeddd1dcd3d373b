-- sessions.set_bot_reason: each visit of 20 page views and more is classified: a bot's come like clockwork
CREATE OR REPLACE TRIGGER set_bot_reason BEFORE INSERT OR UPDATE ON sessions
FOR EACH ROW WHEN (NEW.page_view_count >= 20 AND NEW.bot_reason IS NULL) EXECUTE FUNCTION classify_bot();
