//! Indexes: what makes queries fast, and what decides who wins a race for a name (S028).
//!
//! Owns the description of an index and its default name. Read next: `mod.rs`.

use std::collections::BTreeMap;

use bson::raw::cstr;
use bson::{Bson, Document};

use super::{Collection, missing_is_fine};
use crate::mongo::cursor::Source;
use crate::mongo::operation::{append_documents, command};
use crate::mongo::{Cursor, Error};

/// An index to be made.
///
/// ```
/// use bson::doc;
/// use squall::mongo::Index;
///
/// let index = Index::new(doc! { "username": 1 }).unique();
/// assert_eq!(index.name(), "username_1");
/// ```
#[derive(Clone, Debug)]
pub struct Index {
    keys: Document,
    name: Option<String>,
    unique: bool,
    sparse: bool,
    /// Whatever else the server knows, such as `expireAfterSeconds`.
    options: Document,
}

impl Index {
    /// An index over these keys: `1` ascending, `-1` descending, or a kind such as `"text"`.
    pub fn new(keys: Document) -> Self {
        Self { keys, name: None, unique: false, sparse: false, options: Document::new() }
    }

    /// No two documents may have the same values.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Documents without these fields are left out.
    #[must_use]
    pub fn sparse(mut self) -> Self {
        self.sparse = true;
        self
    }

    /// A name other than the default one.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// An option of the server's, such as `expireAfterSeconds` or `partialFilterExpression`.
    #[must_use]
    pub fn option(mut self, key: &str, value: impl Into<Bson>) -> Self {
        self.options.insert(key, value);
        self
    }

    /// Its name: `field_1_other_-1` unless it was given one.
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| {
            let part = |(key, order): (&String, &Bson)| match order {
                Bson::String(kind) => format!("{key}_{kind}"),
                order => format!("{key}_{order}"),
            };
            self.keys.iter().map(part).collect::<Vec<_>>().join("_")
        })
    }

    fn to_document(&self) -> Result<Document, Error> {
        if self.keys.is_empty() {
            return Err(Error::Argument("an index needs keys"));
        }
        let mut document = Document::new();
        document.insert("key", self.keys.clone());
        document.insert("name", self.name());
        if self.unique {
            document.insert("unique", true);
        }
        if self.sparse {
            document.insert("sparse", true);
        }
        document.extend(self.options.clone());
        Ok(document)
    }
}

impl From<Document> for Index {
    fn from(keys: Document) -> Self {
        Self::new(keys)
    }
}

impl Collection {
    /// Makes an index, unless it is there already, and answers its name (M057).
    pub async fn create_index(&self, index: impl Into<Index>) -> Result<String, Error> {
        let mut names = self.create_indexes([index.into()]).await?;
        names.pop().ok_or(Error::Argument("there is no index to make"))
    }

    /// Makes several indexes in one go.
    pub async fn create_indexes(
        &self,
        indexes: impl IntoIterator<Item = Index>,
    ) -> Result<Vec<String>, Error> {
        self.checked_names()?;
        let mut names = Vec::new();
        let mut list = Vec::new();
        for index in indexes {
            list.push(index.to_document()?);
            names.push(index.name());
        }
        let mut body = command();
        body.append(cstr!("createIndexes"), self.name());
        append_documents(&mut body, cstr!("indexes"), &list)?;
        self.append_write_concern(&mut body)?;
        self.database.command("createIndexes", body).await?;
        Ok(names)
    }

    /// What the server says of the indexes; nothing if there is no such collection.
    pub async fn list_indexes(&self) -> Result<Vec<Document>, Error> {
        self.checked_names()?;
        let mut cursor: Cursor = self.cursor(Source::ListIndexes);
        match cursor.to_list(None).await {
            Err(Error::Command(error)) if error.code == super::NAMESPACE_NOT_FOUND => {
                Ok(Vec::new())
            }
            list => list,
        }
    }

    /// The same by name.
    pub async fn index_information(&self) -> Result<BTreeMap<String, Document>, Error> {
        let name = |index: &Document| index.get_str("name").unwrap_or_default().to_owned();
        Ok(self.list_indexes().await?.into_iter().map(|index| (name(&index), index)).collect())
    }

    /// Drops the index with this name; an error if there is none.
    pub async fn drop_index(&self, name: &str) -> Result<(), Error> {
        if name == "*" {
            return Err(Error::Argument("all indexes are dropped with drop_indexes"));
        }
        self.run_drop_indexes(name).await
    }

    /// Drops all indexes but the one over `_id`.
    pub async fn drop_indexes(&self) -> Result<(), Error> {
        missing_is_fine(self.run_drop_indexes("*").await)
    }

    async fn run_drop_indexes(&self, name: &str) -> Result<(), Error> {
        self.checked_names()?;
        let mut body = command();
        body.append(cstr!("dropIndexes"), self.name());
        body.append(cstr!("index"), name);
        self.append_write_concern(&mut body)?;
        self.database.command("dropIndexes", body).await
    }
}
