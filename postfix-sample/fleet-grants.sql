-- fleet-grants.sql - the rights of each program on the tables, and no more
--
-- After "notifyctl init", as the owner of the tables:
--
--   psql -v ON_ERROR_STOP=1 -U notify_owner -d notify -f fleet-grants.sql
--
-- All earlier grants are revoked first. Until the end of the transaction the
-- programs wait, and never see the tables without their rights.

BEGIN;
REVOKE ALL ON ALL TABLES IN SCHEMA notify
	FROM notify_ctl, notify_milter, notify_telegram, notify_bot;

-- All programs read the version of the tables first.
GRANT SELECT ON notify_milter
	TO notify_ctl, notify_milter, notify_telegram, notify_bot;

-- Who asks for the whole of a message's decision needs the key by which the
-- milter knows its own work again; notifyctl, for "explain". Only the owner of
-- the tables writes it: "notifyctl init" made it.
GRANT SELECT ON secret TO notify_ctl, notify_milter, notify_telegram;

-- notify-milter looks up entitled users and their chats. It writes nothing, and
-- reads neither tokens nor the record of changes.
GRANT SELECT ON category, category_key, account, account_former, "user",
	subscription, link TO notify_milter;

-- notify-telegram repeats that lookup. It counts how often a chat was not found,
-- stores the new id of a chat that has moved and ends the link of one that is
-- gone, with a record and a notice. It keeps the order of messages to a chat.
GRANT SELECT ON category, category_key, account, account_former, "user",
	subscription TO notify_telegram;
GRANT SELECT, UPDATE (chat, strikes), DELETE ON link TO notify_telegram;
GRANT SELECT, INSERT, UPDATE (chat, tried), DELETE ON waiting
	TO notify_telegram;
GRANT INSERT ON change TO notify_telegram;
GRANT SELECT, INSERT, UPDATE (state, tries, error, sent_at) ON notice
	TO notify_telegram;

-- notify-bot uses up tokens, makes and ends links, and stores the number of the
-- last update and the chats that must wait. It tells chats that their link has
-- ended, and stores the new id of a chat that has moved. Whoever asks in a chat
-- for a link by mail is counted, and gets it as a notice.
GRANT SELECT ON category, account, "user", subscription TO notify_bot;
GRANT SELECT, DELETE ON token TO notify_bot;
GRANT SELECT, INSERT, UPDATE (chat), DELETE ON link TO notify_bot;
GRANT SELECT (chat), UPDATE (chat) ON waiting TO notify_bot;
GRANT SELECT, INSERT, UPDATE (value), DELETE ON state TO notify_bot;
GRANT INSERT ON change, notice TO notify_bot;
GRANT SELECT, INSERT, DELETE ON farewell TO notify_bot;
GRANT SELECT, INSERT, DELETE ON link_request TO notify_bot;

-- notifyctl changes the roster. It adds to the record of changes; it removes what
-- is old from it ("log --prune"), and the name of a person who is to be forgotten
-- or of an account that gets another ("person forget", "account rename").
GRANT SELECT, INSERT, DELETE ON category, account, account_former, subscription,
	token TO notify_ctl;
GRANT UPDATE (title, description, subscriber, telegram) ON category
	TO notify_ctl;
GRANT SELECT, INSERT ON category_key TO notify_ctl;
GRANT UPDATE (name, key, title) ON account TO notify_ctl;
GRANT SELECT, INSERT, UPDATE (address, key, role, language), DELETE ON "user"
	TO notify_ctl;
GRANT SELECT, DELETE ON link, link_request TO notify_ctl;
GRANT INSERT ON farewell TO notify_ctl;
GRANT SELECT, INSERT, UPDATE (actor, account, subject, detail), DELETE ON change
	TO notify_ctl;
GRANT SELECT, INSERT, DELETE ON notice TO notify_ctl;
GRANT UPDATE (state, tries, error, sent_at, actor, detail) ON notice
	TO notify_ctl;
COMMIT;
