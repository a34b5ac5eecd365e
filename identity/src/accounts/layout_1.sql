-- Layout 1.
create table accounts (
    id           text primary key, -- object ID, a GUID
    email        text not null unique, -- normalised: trimmed, lower case
    display_name text not null,
    password     text not null, -- PHC string
    created_at   integer not null -- seconds since 1970
) strict;
