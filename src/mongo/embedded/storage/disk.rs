//! The store in a file, by redb: two tables and one transaction for each batch.
//!
//! Owns the layout of the file. Indexes are not stored: they are built again when the file is opened.
//! Read next: `mod.rs` for what a batch is.

use std::path::Path;

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::{Change, Contents, Storage, StorageError};

/// `database.collection` → number, UUID, options and indexes.
const CATALOG: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("catalog");
/// (collection, record) → document.
const DOCUMENTS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("documents");

/// A redb file.
#[derive(Debug)]
pub struct Disk {
    database: Database,
}

impl Disk {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// If the file cannot be used, or another process has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        let database =
            Database::create(path).map_err(|e| StorageError::new("opening the store", e))?;
        let disk = Self { database };
        disk.create_tables().map_err(|e| StorageError::new("preparing the store", e))?;
        Ok(disk)
    }

    fn create_tables(&self) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(CATALOG)?;
        transaction.open_table(DOCUMENTS)?;
        transaction.commit()?;
        Ok(())
    }

    fn read(&self) -> Result<Contents, redb::Error> {
        let transaction = self.database.begin_read()?;
        let mut contents = Contents::default();
        for entry in transaction.open_table(CATALOG)?.iter()? {
            let (name, value) = entry?;
            contents.catalog.push((name.value().to_owned(), value.value().to_vec()));
        }
        for entry in transaction.open_table(DOCUMENTS)?.iter()? {
            let (key, value) = entry?;
            let (collection, record) = key.value();
            contents.documents.push((collection, record, value.value().to_vec()));
        }
        Ok(contents)
    }

    fn write(&self, batch: &[Change]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut catalog = transaction.open_table(CATALOG)?;
            let mut documents = transaction.open_table(DOCUMENTS)?;
            for change in batch {
                match change {
                    Change::Put { collection, record, document } => {
                        documents.insert((*collection, *record), document.as_slice())?;
                    }
                    Change::Remove { collection, record } => {
                        documents.remove((*collection, *record))?;
                    }
                    Change::Catalog { namespace, entry: Some(entry) } => {
                        catalog.insert(namespace.as_str(), entry.as_slice())?;
                    }
                    Change::Catalog { namespace, entry: None } => {
                        catalog.remove(namespace.as_str())?;
                    }
                    Change::Clear { collection } => {
                        let all = (*collection, 0)..=(*collection, u64::MAX);
                        documents.retain_in(all, |_, _| false)?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

impl Storage for Disk {
    fn load(&mut self) -> Result<Contents, StorageError> {
        self.read().map_err(|e| StorageError::new("reading the store", e))
    }

    fn commit(&mut self, batch: &[Change]) -> Result<(), StorageError> {
        self.write(batch).map_err(|e| StorageError::new("writing the store", e))
    }
}
