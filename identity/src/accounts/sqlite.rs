//! Accounts in an SQLite file.
//!
//! SQLite blocks, so every statement runs on a blocking thread. One connection behind a lock is
//! enough: a statement takes microseconds, the password hash before it fifty milliseconds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{Account, AccountsError, Created};
use crate::keys::write_private;

/// What brings the tables from each layout to the next, beginning with an empty file. The number of
/// steps taken is kept as `user_version`. A step that has been released is never changed: files
/// stand on it.
const LAYOUTS: [&str; 2] = [include_str!("layout_1.sql"), include_str!("layout_2.sql")];

/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An open file.
pub(crate) struct Sqlite(Arc<Mutex<Connection>>);

impl Sqlite {
    pub(super) async fn open(path: PathBuf) -> Result<Self, AccountsError> {
        let connection = blocking(move || connect(&path)).await?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    pub(super) async fn create(&self, account: Account) -> Result<Created, AccountsError> {
        self.run(move |connection| {
            let inserted = connection.execute(
                "insert into accounts (id, email, display_name, password, created_at) values (?1, ?2, ?3, ?4, unixepoch())",
                params![account.id.to_string(), account.email, account.display_name, account.password],
            );
            match inserted {
                Ok(_) => Ok(Created::Yes),
                // The only constraints a new account can break are the keys, and IDs are random.
                Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == ErrorCode::ConstraintViolation => {
                    Ok(Created::Taken)
                }
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    pub(super) async fn find_by_email(
        &self,
        email: String,
    ) -> Result<Option<Account>, AccountsError> {
        self.find(
            "select id, email, display_name, password from accounts where email = ?1",
            email,
        )
        .await
    }

    pub(super) async fn find_by_id(&self, id: Uuid) -> Result<Option<Account>, AccountsError> {
        self.find(
            "select id, email, display_name, password from accounts where id = ?1",
            id.to_string(),
        )
        .await
    }

    pub(super) async fn set_password(
        &self,
        id: Uuid,
        password: String,
    ) -> Result<(), AccountsError> {
        self.run(move |connection| {
            connection.execute(
                "update accounts set password = ?2 where id = ?1",
                params![id.to_string(), password],
            )?;
            Ok(())
        })
        .await
    }

    pub(super) async fn consents(
        &self,
        id: Uuid,
        client: String,
    ) -> Result<BTreeSet<String>, AccountsError> {
        self.run(move |connection| {
            let mut query = connection
                .prepare_cached("select scope from consents where account = ?1 and client = ?2")?;
            let scopes = query.query_map(params![id.to_string(), client], |row| row.get(0))?;
            Ok(scopes.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub(super) async fn add_consents(
        &self,
        id: Uuid,
        client: String,
        scopes: Vec<String>,
    ) -> Result<(), AccountsError> {
        self.run(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            for scope in scopes {
                transaction.execute(
                    "insert into consents (account, client, scope, given_at) values (?1, ?2, ?3, unixepoch())
                     on conflict do nothing",
                    params![id.to_string(), client, scope],
                )?;
            }
            Ok(transaction.commit()?)
        })
        .await
    }

    async fn find(
        &self,
        query: &'static str,
        key: String,
    ) -> Result<Option<Account>, AccountsError> {
        self.run(move |connection| {
            Ok(connection
                .prepare_cached(query)?
                .query_row([key], account)
                .optional()?)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, AccountsError> + Send + 'static,
    ) -> Result<T, AccountsError> {
        let connection = Arc::clone(&self.0);
        blocking(move || work(&connection.lock())).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AccountsError> + Send + 'static,
) -> Result<T, AccountsError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| AccountsError::Stopping)?
}

fn connect(path: &Path) -> Result<Connection, AccountsError> {
    // SQLite would make the file readable for everybody, and gives the files it makes beside it the
    // same rights.
    match write_private(path, b"") {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(AccountsError::File {
                path: path.display().to_string(),
                source,
            });
        }
        _ => {}
    }
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(LAYOUTS.len()).expect("there are a few layouts");
    let missing = usize::try_from(found)
        .ok()
        .and_then(|found| LAYOUTS.get(found..));
    let missing = missing.ok_or(AccountsError::Layout { found, known })?;
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(connection)
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let id: String = row.get(0)?;
    let id = Uuid::parse_str(&id).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(Account {
        id,
        email: row.get(1)?,
        display_name: row.get(2)?,
        password: row.get(3)?,
    })
}
