//! The forms of a Redis store's URL.
//!
//! One server keeps the form that every Redis client reads. Clusters and Sentinels have no common
//! one: here several hosts stand between commas, as in MongoDB's and Kafka's.

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Who asks. [`Debug`](std::fmt::Debug) shows no password.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretString>,
}

/// How the servers stand to each other.
#[derive(Debug, Clone)]
pub(crate) enum Layout {
    /// One server, or a name that always leads to the master.
    Single(Endpoint),
    /// Some nodes of a Redis Cluster; the others are learnt from them.
    Cluster(Vec<Endpoint>),
    /// Sentinels, who know the master of this name.
    Sentinel {
        sentinels: Vec<Endpoint>,
        master: String,
        credentials: Credentials,
    },
}

/// A URL, read.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) layout: Layout,
    pub(crate) tls: bool,
    pub(crate) credentials: Credentials,
    pub(crate) database: i64,
}

/// The forms that are read, for messages.
pub(crate) const FORMS: &str = "redis://[user:password@]host:port[/database], \
     redis-cluster://[user:password@]host:port,…, \
     redis-sentinel://[user:password@]host:port,…/master-name[/database] \
     (with TLS: rediss://, rediss-cluster://, rediss-sentinel://)";

/// What a URL lacks. It never repeats the URL, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No scheme of a Redis.
    #[error("use {FORMS}")]
    Scheme,
    /// A host or port that is none.
    #[error("host {index} of the list is not of the form host:port ({source})")]
    Host {
        /// Its place in the list, from 1.
        index: usize,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// Several hosts where one is meant.
    #[error("redis:// takes one host: use redis-cluster:// or redis-sentinel:// for several")]
    OneHost,
    /// A Sentinel URL that names no master.
    #[error("the master's name is missing: redis-sentinel://host:26379,…/master-name")]
    MasterName,
    /// A database that is no number.
    #[error("the database must be a number, as in /0")]
    Database,
    /// A cluster has only database 0.
    #[error("a Redis Cluster has one database: leave the path out")]
    ClusterDatabase,
    /// A parameter nobody reads.
    #[error(
        "unknown parameter {0:?}: only redis-sentinel:// has some, \
         sentinel-user and sentinel-password"
    )]
    Parameter(String),
    /// A user or password that is no text.
    #[error("user and password must be UTF-8, with %-escapes for : / @ ? # and %")]
    Credentials,
}

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl Address {
    /// Reads one of [`FORMS`].
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(AddressError::Scheme)?;
        let (plain, tls) = match scheme.strip_prefix("rediss") {
            Some(kind) => (kind, true),
            None => (
                scheme.strip_prefix("redis").ok_or(AddressError::Scheme)?,
                false,
            ),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let credentials = credentials(user)?;
        let path = path.trim_end_matches('/');
        if plain != "-sentinel"
            && let Some((name, _)) = url::form_urlencoded::parse(query.as_bytes()).next()
        {
            return Err(AddressError::Parameter(name.into_owned()));
        }
        let (layout, database) = match plain {
            "" => {
                let [host] = <[Endpoint; 1]>::try_from(endpoints(hosts, REDIS_PORT)?)
                    .map_err(|_| AddressError::OneHost)?;
                (Layout::Single(host), database(path)?)
            }
            "-cluster" if matches!(path, "" | "0") => {
                (Layout::Cluster(endpoints(hosts, REDIS_PORT)?), 0)
            }
            "-cluster" => return Err(AddressError::ClusterDatabase),
            "-sentinel" => {
                let (master, number) = path.split_once('/').unwrap_or((path, ""));
                let master = decoded(master)?;
                if master.is_empty() {
                    return Err(AddressError::MasterName);
                }
                let sentinels = endpoints(hosts, SENTINEL_PORT)?;
                (
                    Layout::Sentinel {
                        sentinels,
                        master,
                        credentials: sentinel_credentials(query)?,
                    },
                    database(number)?,
                )
            }
            _ => return Err(AddressError::Scheme),
        };
        Ok(Self {
            layout,
            tls,
            credentials,
            database,
        })
    }

    /// The URL without its secrets, for logs.
    pub(crate) fn describe(&self) -> String {
        let s = if self.tls { "s" } else { "" };
        let database = if self.database == 0 {
            String::new()
        } else {
            format!("/{}", self.database)
        };
        match &self.layout {
            Layout::Single(endpoint) => format!("redis{s}://{endpoint}{database}"),
            Layout::Cluster(nodes) => format!("redis{s}-cluster://{}", listed(nodes)),
            Layout::Sentinel {
                sentinels, master, ..
            } => {
                format!(
                    "redis{s}-sentinel://{}/{master}{database}",
                    listed(sentinels)
                )
            }
        }
    }
}

fn listed(endpoints: &[Endpoint]) -> String {
    let texts: Vec<String> = endpoints.iter().map(Endpoint::to_string).collect();
    texts.join(",")
}

fn endpoints(hosts: &str, default_port: u16) -> Result<Vec<Endpoint>, AddressError> {
    hosts
        .split(',')
        .enumerate()
        .map(|(index, host)| {
            endpoint(host.trim(), default_port).map_err(|source| AddressError::Host {
                index: index + 1,
                source,
            })
        })
        .collect()
}

fn endpoint(text: &str, default_port: u16) -> Result<Endpoint, url::ParseError> {
    // The rules for hosts are those of any URL: names, IPv4, IPv6 in brackets.
    let url = Url::parse(&format!("http://{text}"))?;
    let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    let host = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => return Err(url::ParseError::EmptyHost),
    };
    if !bare {
        return Err(url::ParseError::InvalidDomainCharacter);
    }
    // `http` hides its own default port.
    let port = url
        .port()
        .or_else(|| text.ends_with(":80").then_some(80))
        .unwrap_or(default_port);
    Ok(Endpoint { host, port })
}

fn credentials(user: &str) -> Result<Credentials, AddressError> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let (username, password) = (decoded(name)?, decoded(password)?);
    Ok(Credentials {
        username: Some(username).filter(|name| !name.is_empty()),
        password: Some(password)
            .filter(|password| !password.is_empty())
            .map(SecretString::from),
    })
}

fn sentinel_credentials(query: &str) -> Result<Credentials, AddressError> {
    let mut credentials = Credentials::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "sentinel-user" => credentials.username = Some(value.into_owned()),
            "sentinel-password" => {
                credentials.password = Some(SecretString::from(value.into_owned()));
            }
            _ => return Err(AddressError::Parameter(name.into_owned())),
        }
    }
    Ok(credentials)
}

fn decoded(text: &str) -> Result<String, AddressError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| AddressError::Credentials)
}

fn database(text: &str) -> Result<i64, AddressError> {
    if text.is_empty() {
        Ok(0)
    } else {
        text.parse::<u16>()
            .map(i64::from)
            .map_err(|_| AddressError::Database)
    }
}

impl Credentials {
    /// As the Redis client takes them.
    pub(crate) fn settings(&self, database: i64) -> redis::RedisConnectionInfo {
        let mut settings = redis::RedisConnectionInfo::default().set_db(database);
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password.expose_secret());
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn described(text: &str) -> String {
        Address::parse(text).unwrap().describe()
    }

    #[test]
    fn every_form_is_read_and_described_without_its_secret() {
        for (text, expected) in [
            ("redis://localhost", "redis://localhost:6379"),
            (
                "redis://user:hunter2@cache.internal:7000/3\n",
                "redis://cache.internal:7000/3",
            ),
            ("rediss://:hunter2@[::1]:80", "rediss://[::1]:80"),
            (
                "redis-cluster://u:hunter2@a:1,b,10.0.0.1:3/",
                "redis-cluster://a:1,b:6379,10.0.0.1:3",
            ),
            ("rediss-cluster://a:1", "rediss-cluster://a:1"),
            (
                "redis-sentinel://u:hunter2@a,b:2/my%20master",
                "redis-sentinel://a:26379,b:2/my master",
            ),
            (
                "rediss-sentinel://a:1/m/2?sentinel-password=hunter2",
                "rediss-sentinel://a:1/m/2",
            ),
        ] {
            assert_eq!(described(text), expected);
            assert!(
                !format!("{:?}", Address::parse(text)).contains("hunter2"),
                "{text}"
            );
        }
    }

    #[test]
    fn credentials_may_hold_any_character() {
        let address = Address::parse("redis-cluster://al%40ice:p%3Aa%2Fs%2C@a:1,b:2").unwrap();
        assert_eq!(address.credentials.username.unwrap(), "al@ice");
        assert_eq!(
            address.credentials.password.unwrap().expose_secret(),
            "p:a/s,"
        );
        let address =
            Address::parse("redis-sentinel://a:1/m?sentinel-user=s&sentinel-password=x%26y")
                .unwrap();
        let Layout::Sentinel { credentials, .. } = address.layout else {
            panic!()
        };
        assert_eq!(credentials.password.unwrap().expose_secret(), "x&y");
    }

    #[test]
    fn what_is_wrong_is_named_and_the_password_is_not() {
        let message = |text: &str| Address::parse(text).unwrap_err().to_string();
        for (text, expected) in [
            ("localhost:6379", "use redis://"),
            ("http://hunter2@a", "use redis://"),
            ("redis-ring://a", "use redis://"),
            (
                "redis://u:hunter2@a:notaport",
                "host 1 of the list is not of the form host:port (invalid port number)",
            ),
            ("redis-cluster://u:hunter2@a:1,", "host 2 of the list"),
            ("redis://a:1,b:2", "redis:// takes one host"),
            ("redis-sentinel://a:1", "the master's name is missing"),
            ("redis://a/x", "the database must be a number"),
            ("redis-cluster://a:1/3", "a Redis Cluster has one database"),
            ("redis://a?protocol=3", "unknown parameter \"protocol\""),
            (
                "redis-sentinel://a/m?sentinel_password=hunter2",
                "unknown parameter \"sentinel_password\"",
            ),
        ] {
            let message = message(text);
            assert!(message.starts_with(expected), "{text}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
