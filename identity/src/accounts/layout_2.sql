-- Layout 2: what somebody has allowed an application.
create table consents (
    account  text not null references accounts (id) on delete cascade,
    client   text not null, -- client ID
    scope    text not null, -- as it is asked for
    given_at integer not null, -- seconds since 1970
    primary key (account, client, scope)
) strict, without rowid;
