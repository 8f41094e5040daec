-- Who there is: roles that say WHAT somebody may do (may_treat, may_book), roles that say for WHOM (clinic_north,
-- clinic_south), and accounts that are members of some of them. {names in braces} are put in as identifiers: a role belongs
-- to the whole server, so each has the tag of the run that makes it, which stands in {run}, a text, as well.

-- name: roles
CREATE ROLE {records_owner} NOLOGIN;
CREATE ROLE {may_treat} NOLOGIN;
CREATE ROLE {may_book} NOLOGIN;
CREATE ROLE {clinic_north} NOLOGIN;
CREATE ROLE {clinic_south} NOLOGIN;
CREATE ROLE {nurse_north} LOGIN IN ROLE {may_treat}, {clinic_north};
CREATE ROLE {nurse_south} LOGIN IN ROLE {may_treat}, {clinic_south};
CREATE ROLE {desk_north} LOGIN IN ROLE {may_book}, {clinic_north};
CREATE ROLE {auditor} LOGIN;
-- has no right of its own, but may become one of these for a request
CREATE ROLE {service} LOGIN NOINHERIT IN ROLE {nurse_north}, {nurse_south}, {desk_north};

-- name: password
ALTER ROLE {account} PASSWORD {verifier};
