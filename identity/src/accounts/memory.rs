//! Accounts that end with the process.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;
use uuid::Uuid;

use super::{Account, AccountsError, Created};

/// More than any test signs up; at about 500 bytes each, 50 MB.
const CAPACITY: usize = 100_000;

/// Accounts by e-mail address and by ID. One lock, held for a look-up and never across an await.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    accounts: HashMap<Uuid, Account>,
    ids: HashMap<String, Uuid>,
    /// Allowed scopes by account and client. Both are known ones, as are the scopes, so this is
    /// bounded by the accounts.
    consents: HashMap<(Uuid, String), BTreeSet<String>>,
}

impl Memory {
    pub(super) fn create(&self, account: Account) -> Result<Created, AccountsError> {
        let mut tables = self.0.lock();
        if tables.ids.contains_key(&account.email) {
            return Ok(Created::Taken);
        }
        if tables.accounts.len() >= CAPACITY {
            return Err(AccountsError::Full(CAPACITY));
        }
        tables.ids.insert(account.email.clone(), account.id);
        tables.accounts.insert(account.id, account);
        Ok(Created::Yes)
    }

    pub(super) fn find_by_email(&self, email: &str) -> Option<Account> {
        let tables = self.0.lock();
        tables
            .ids
            .get(email)
            .and_then(|id| tables.accounts.get(id))
            .cloned()
    }

    pub(super) fn find_by_id(&self, id: Uuid) -> Option<Account> {
        self.0.lock().accounts.get(&id).cloned()
    }

    pub(super) fn set_password(&self, id: Uuid, password: String) {
        if let Some(account) = self.0.lock().accounts.get_mut(&id) {
            account.password = password;
        }
    }
    pub(super) fn consents(&self, id: Uuid, client: &str) -> BTreeSet<String> {
        self.0
            .lock()
            .consents
            .get(&(id, client.to_owned()))
            .cloned()
            .unwrap_or_default()
    }

    pub(super) fn add_consents(&self, id: Uuid, client: &str, scopes: &[String]) {
        self.0
            .lock()
            .consents
            .entry((id, client.to_owned()))
            .or_default()
            .extend(scopes.iter().cloned());
    }
}
