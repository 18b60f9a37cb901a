//! What home blocks hold after recovery.

use std::collections::{BTreeMap, HashMap};

use super::Transaction;

/// The committed transactions of a log.
#[derive(Clone, Default, Debug)]
pub struct Model {
    transactions: Vec<Transaction>,
}

impl Model {
    pub(super) fn push(&mut self, transaction: Transaction) {
        self.transactions.push(transaction);
    }

    /// The number of transactions.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.transactions.len()
    }

    /// Whether there is no transaction.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// The transactions, oldest first.
    #[must_use]
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// The home blocks that differ from what was on the device, and what they hold, when the first
    /// `complete` transactions are recovered. A revoke is for all copies up to its own transaction,
    /// wherever it stands in that.
    #[must_use]
    pub fn blocks(&self, complete: usize) -> BTreeMap<u64, &[u8]> {
        let complete = self.transactions.get(..complete).unwrap_or(&self.transactions);
        let mut revoked = HashMap::new();
        for (number, transaction) in complete.iter().enumerate() {
            revoked.extend(transaction.revokes.iter().map(|home| (*home, number)));
        }
        let mut blocks = BTreeMap::new();
        for (number, transaction) in complete.iter().enumerate() {
            for (home, data) in &transaction.copies {
                if revoked.get(home).is_none_or(|last| number > *last) {
                    blocks.insert(*home, data.as_slice());
                }
            }
        }
        blocks
    }
}
