-- Who there is: roles that say WHAT somebody may do (nurse, desk), and accounts that log in (auditor, service). FOR WHOM is no role:
-- the person's ticket says it (records.sql), because a role can be changed by whoever can run a statement.
-- {names in braces} are put in as identifiers: a role belongs to the whole server, so each has the tag of the run that makes it.

-- name: roles
CREATE ROLE {records_owner} NOLOGIN;
CREATE ROLE {nurse} NOLOGIN;
CREATE ROLE {desk} NOLOGIN;
CREATE ROLE {auditor} LOGIN;
-- has no right to a row of its own, but may become one of these for a request
CREATE ROLE {service} LOGIN NOINHERIT IN ROLE {nurse}, {desk};
-- people's tickets are parameters of its statements: whatever the server logs, no values of those
ALTER ROLE {service} SET log_parameter_max_length = 0;

-- name: quiet
-- what follows in this transaction stands in no log
SET LOCAL log_statement = 'none'; SET LOCAL log_min_duration_statement = -1; SET LOCAL log_min_error_statement = 'panic';

-- name: password
ALTER ROLE {account} PASSWORD {verifier};
