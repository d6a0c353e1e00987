-- fleet-grants.sql - what each program may do with the tables, and no more
--
-- After "notifyctl init", as the owner of the tables:
--
--   psql -v ON_ERROR_STOP=1 -U notify_owner -d notify -f fleet-grants.sql
--
-- Whatever was granted before is taken back first: until the end of the
-- transaction everybody waits, and sees nothing of it.

BEGIN;
REVOKE ALL ON ALL TABLES IN SCHEMA notify
	FROM notify_ctl, notify_milter, notify_telegram, notify_bot;

-- All of them look for the version of the tables first.
GRANT SELECT ON notify_milter
	TO notify_ctl, notify_milter, notify_telegram, notify_bot;

-- notify-milter: who is entitled, and which of them have a chat. It writes
-- nothing, and sees neither tokens nor who changed what.
GRANT SELECT ON category, category_key, account, "user", subscription, link
	TO notify_milter;

-- notify-telegram looks that up once more. It counts how often a chat was not
-- found, follows one that has moved and ends one that is gone, which is recorded
-- and told; it keeps the order of messages to a chat.
GRANT SELECT ON category, category_key, account, "user", subscription
	TO notify_telegram;
GRANT SELECT, UPDATE (chat, strikes), DELETE ON link TO notify_telegram;
GRANT SELECT, INSERT, UPDATE (chat, tried), DELETE ON waiting
	TO notify_telegram;
GRANT INSERT ON change TO notify_telegram;
GRANT SELECT, INSERT, UPDATE (state, tries, error) ON notice
	TO notify_telegram;

-- notify-bot takes tokens, makes links and ends them, and remembers how far it
-- has read and which chats must wait.
GRANT SELECT ON category, account, "user", subscription TO notify_bot;
GRANT SELECT, DELETE ON token TO notify_bot;
GRANT SELECT, INSERT, DELETE ON link TO notify_bot;
GRANT SELECT, INSERT, UPDATE (value), DELETE ON state TO notify_bot;
GRANT INSERT ON change TO notify_bot;

-- notifyctl changes the roster. What is recorded of it is added to, and neither
-- changed nor removed.
GRANT SELECT, INSERT ON category, category_key TO notify_ctl;
GRANT SELECT, INSERT, DELETE ON account, subscription, token TO notify_ctl;
GRANT SELECT, INSERT, UPDATE (role), DELETE ON "user" TO notify_ctl;
GRANT SELECT, DELETE ON link TO notify_ctl;
GRANT SELECT, INSERT ON change TO notify_ctl;
GRANT SELECT, INSERT, UPDATE (state, tries, error) ON notice TO notify_ctl;
COMMIT;
