//! Accounts: who can sign in, and what they have allowed which application. Kept in memory or in
//! SQLite; everything else the provider remembers (pending sign-ins, sessions, codes, refresh
//! tokens) lives in memory and ends with the process, which costs people a sign-in.

mod memory;
mod sqlite;

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::config;

/// Somebody who signed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// The object ID: `sub` and `oid`, for ever the same.
    pub(crate) id: Uuid,
    /// Normalised, so that it identifies the account.
    pub(crate) email: String,
    pub(crate) display_name: String,
    /// The password's hash as a PHC string.
    pub(crate) password: String,
}

/// Why accounts could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// SQLite refused.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file could not be made.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file was written by a later version.
    #[error(
        "the accounts file has layout {found}, and this version knows only layout {known}: use a newer version"
    )]
    Layout {
        /// The layout of the file.
        found: i64,
        /// The newest layout this version knows.
        known: i64,
    },
    /// There is no room in memory for more accounts.
    #[error("there are already {0} accounts in memory: keep them in SQLite")]
    Full(usize),
    /// The work was cut off by the end of the process.
    #[error("the provider is stopping")]
    Stopping,
}

/// What became of a new account.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Created {
    Yes,
    /// The e-mail address has an account.
    Taken,
}

/// The place where accounts are kept.
pub(crate) enum Directory {
    Memory(memory::Memory),
    Sqlite(sqlite::Sqlite),
}

impl Directory {
    pub(crate) async fn open(accounts: &config::Accounts) -> Result<Self, AccountsError> {
        match accounts {
            config::Accounts::Memory => Ok(Self::Memory(memory::Memory::default())),
            config::Accounts::Sqlite(path) => {
                Ok(Self::Sqlite(sqlite::Sqlite::open(path.clone()).await?))
            }
        }
    }

    pub(crate) async fn create(&self, account: Account) -> Result<Created, AccountsError> {
        match self {
            Self::Memory(memory) => memory.create(account),
            Self::Sqlite(sqlite) => sqlite.create(account).await,
        }
    }

    pub(crate) async fn find_by_email(
        &self,
        email: &str,
    ) -> Result<Option<Account>, AccountsError> {
        match self {
            Self::Memory(memory) => Ok(memory.find_by_email(email)),
            Self::Sqlite(sqlite) => sqlite.find_by_email(email.to_owned()).await,
        }
    }

    pub(crate) async fn find_by_id(&self, id: Uuid) -> Result<Option<Account>, AccountsError> {
        match self {
            Self::Memory(memory) => Ok(memory.find_by_id(id)),
            Self::Sqlite(sqlite) => sqlite.find_by_id(id).await,
        }
    }

    pub(crate) async fn set_password(
        &self,
        id: Uuid,
        password: String,
    ) -> Result<(), AccountsError> {
        match self {
            Self::Memory(memory) => {
                memory.set_password(id, password);
                Ok(())
            }
            Self::Sqlite(sqlite) => sqlite.set_password(id, password).await,
        }
    }

    /// The scopes that an account has allowed a client.
    pub(crate) async fn consents(
        &self,
        id: Uuid,
        client: &str,
    ) -> Result<BTreeSet<String>, AccountsError> {
        match self {
            Self::Memory(memory) => Ok(memory.consents(id, client)),
            Self::Sqlite(sqlite) => sqlite.consents(id, client.to_owned()).await,
        }
    }

    /// Keeps that an account has allowed a client these scopes, besides those of before.
    pub(crate) async fn add_consents(
        &self,
        id: Uuid,
        client: &str,
        scopes: &[String],
    ) -> Result<(), AccountsError> {
        match self {
            Self::Memory(memory) => {
                memory.add_consents(id, client, scopes);
                Ok(())
            }
            Self::Sqlite(sqlite) => {
                sqlite
                    .add_consents(id, client.to_owned(), scopes.to_owned())
                    .await
            }
        }
    }
}

/// An e-mail address in the form in which it identifies an account: without blanks around it, in
/// lower case. None if it is no address.
pub(crate) fn normalise_email(text: &str) -> Option<String> {
    let text = text.trim();
    // 254 bytes is what fits into a mail envelope (RFC 5321).
    let plausible = text.len() <= 254
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c));
    let (user, domain) = text.split_once('@')?;
    let complete = !user.is_empty()
        && !domain.is_empty()
        && !domain.contains('@')
        && domain.split('.').all(|label| !label.is_empty());
    (plausible && complete).then(|| text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(email: &str) -> Account {
        Account {
            id: Uuid::new_v4(),
            email: email.to_owned(),
            display_name: "Alice".to_owned(),
            password: "$argon2id$old".to_owned(),
        }
    }

    /// What holds for every place.
    async fn keeps_accounts(directory: &Directory) {
        let alice = account("alice@example.com");
        assert_eq!(directory.create(alice.clone()).await.unwrap(), Created::Yes);
        assert_eq!(
            directory
                .create(account("alice@example.com"))
                .await
                .unwrap(),
            Created::Taken
        );
        assert_eq!(
            directory.find_by_email("alice@example.com").await.unwrap(),
            Some(alice.clone())
        );
        assert_eq!(
            directory.find_by_id(alice.id).await.unwrap(),
            Some(alice.clone())
        );
        assert_eq!(
            directory.find_by_email("bob@example.com").await.unwrap(),
            None
        );
        assert_eq!(directory.find_by_id(Uuid::new_v4()).await.unwrap(), None);
        directory
            .set_password(alice.id, "$argon2id$new".to_owned())
            .await
            .unwrap();
        assert_eq!(
            directory
                .find_by_id(alice.id)
                .await
                .unwrap()
                .unwrap()
                .password,
            "$argon2id$new"
        );
    }

    async fn keeps_consents(directory: &Directory) {
        let (alice, bob) = (account("alice@example.com"), account("bob@example.com"));
        directory.create(alice.clone()).await.unwrap();
        directory.create(bob.clone()).await.unwrap();
        for (scopes, together) in [
            (&["b", "a"][..], &["a", "b"][..]),
            (&["b", "c"], &["a", "b", "c"]),
            (&[], &["a", "b", "c"]),
        ] {
            let scopes: Vec<String> = scopes.iter().copied().map(str::to_owned).collect();
            directory
                .add_consents(alice.id, "app", &scopes)
                .await
                .unwrap();
            let kept = directory.consents(alice.id, "app").await.unwrap();
            assert!(kept.iter().eq(together), "{kept:?}");
        }
        assert!(
            directory
                .consents(alice.id, "other")
                .await
                .unwrap()
                .is_empty()
        );
        assert!(directory.consents(bob.id, "app").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn memory_keeps_accounts() {
        keeps_accounts(&Directory::open(&config::Accounts::Memory).await.unwrap()).await;
        keeps_consents(&Directory::open(&config::Accounts::Memory).await.unwrap()).await;
    }

    #[tokio::test]
    async fn sqlite_keeps_accounts_across_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let place = config::Accounts::Sqlite(folder.path().join("accounts.db"));
        keeps_accounts(&Directory::open(&place).await.unwrap()).await;
        let again = Directory::open(&place).await.unwrap();
        assert!(
            again
                .find_by_email("alice@example.com")
                .await
                .unwrap()
                .is_some()
        );
    }

    #[tokio::test]
    async fn sqlite_keeps_consents_across_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let place = config::Accounts::Sqlite(folder.path().join("accounts.db"));
        let directory = Directory::open(&place).await.unwrap();
        keeps_consents(&directory).await;
        let alice = directory
            .find_by_email("alice@example.com")
            .await
            .unwrap()
            .unwrap();
        let again = Directory::open(&place).await.unwrap();
        assert_eq!(again.consents(alice.id, "app").await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn a_file_of_the_first_layout_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.db");
        let old = rusqlite::Connection::open(&path).unwrap();
        old.execute_batch(include_str!("accounts/layout_1.sql"))
            .unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        let id = Uuid::new_v4().to_string();
        old.execute(
            "insert into accounts values (?1, 'alice@example.com', 'Alice', '$argon2id$', 0)",
            [&id],
        )
        .unwrap();
        drop(old);
        let directory = Directory::open(&config::Accounts::Sqlite(path))
            .await
            .unwrap();
        let alice = directory
            .find_by_email("alice@example.com")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(alice.id.to_string(), id);
        directory
            .add_consents(alice.id, "app", &["a".to_owned()])
            .await
            .unwrap();
        assert_eq!(directory.consents(alice.id, "app").await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn of_many_who_take_an_address_at_once_one_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = config::Accounts::Sqlite(folder.path().join("accounts.db"));
        // Two connections, so that it is the database that decides.
        let directories = [
            Directory::open(&place).await.unwrap(),
            Directory::open(&place).await.unwrap(),
        ];
        let mut created = 0;
        let attempts = directories
            .iter()
            .cycle()
            .take(10)
            .map(|it| it.create(account("carol@example.com")));
        for attempt in futures(attempts).await {
            created += usize::from(attempt == Created::Yes);
        }
        assert_eq!(created, 1);
    }

    async fn futures<F>(all: impl Iterator<Item = F>) -> Vec<Created>
    where
        F: Future<Output = Result<Created, AccountsError>>,
    {
        let mut results = Vec::new();
        let mut pending: Vec<_> = all.map(Box::pin).collect();
        std::future::poll_fn(|context| {
            pending.retain_mut(|future| match future.as_mut().poll(context) {
                std::task::Poll::Ready(result) => {
                    results.push(result.unwrap());
                    false
                }
                std::task::Poll::Pending => true,
            });
            if pending.is_empty() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        results
    }

    #[tokio::test]
    async fn a_file_of_a_later_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.db");
        rusqlite::Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", 99)
            .unwrap();
        let error = Directory::open(&config::Accounts::Sqlite(path))
            .await
            .err()
            .unwrap();
        assert!(
            matches!(error, AccountsError::Layout { found: 99, .. }),
            "{error}"
        );
    }

    #[test]
    fn an_address_is_normalised_or_refused() {
        assert_eq!(
            normalise_email(" Alice@Example.COM ").as_deref(),
            Some("alice@example.com")
        );
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in [
            "",
            "alice",
            "@example.com",
            "alice@",
            "a@b@c",
            "a b@c",
            "a@b..c",
            "<a@b>",
            "a@b\u{0}",
            &long,
        ] {
            assert_eq!(normalise_email(bad), None, "{bad}");
        }
    }
}
