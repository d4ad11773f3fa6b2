//! Find one document and change, replace or delete it, in one step that nobody can come between.
//!
//! Owns the three forms of `findAndModify` and the choice between the document before and after.
//! Read next: `write.rs`, whose rules for updates and replacements hold here too.

use bson::Document;
use bson::raw::cstr;

use super::write::check_replacement;
use super::{Collection, Filter, Update, value};
use crate::mongo::Error;
use crate::mongo::error::WriteFailure;
use crate::mongo::operation::{Body, Request, append_document, append_documents, command};

/// How one document is found and changed.
#[derive(Clone, Debug, Default)]
pub struct FindOneAndOptions {
    /// Answer the document as it is afterwards, instead of as it was (M054).
    pub return_after: bool,
    /// Insert one if none matches.
    pub upsert: bool,
    /// If several match, take the first in this order.
    pub sort: Option<Document>,
    /// Answer only these fields.
    pub projection: Option<Document>,
    /// Which elements of an array `$[name]` means.
    pub array_filters: Vec<Document>,
}

impl Collection {
    /// Changes the first document that matches and answers it, or nothing if there is none.
    pub async fn find_one_and_update(
        &self,
        filter: impl Into<Filter>,
        update: impl Into<Update>,
        options: FindOneAndOptions,
    ) -> Result<Option<Document>, Error> {
        let mut body = self.find_and_modify(&filter.into(), &options)?;
        update.into().append_to(&mut body, cstr!("update"))?;
        append_change_options(&mut body, &options)?;
        self.run_find_and_modify(body).await
    }

    /// Puts another document in the place of the first one that matches and answers one of them.
    pub async fn find_one_and_replace(
        &self,
        filter: impl Into<Filter>,
        replacement: Document,
        options: FindOneAndOptions,
    ) -> Result<Option<Document>, Error> {
        check_replacement(&replacement)?;
        let mut body = self.find_and_modify(&filter.into(), &options)?;
        append_document(&mut body, cstr!("update"), &replacement)?;
        append_change_options(&mut body, &options)?;
        self.run_find_and_modify(body).await
    }

    /// Deletes the first document that matches and answers it.
    pub async fn find_one_and_delete(
        &self,
        filter: impl Into<Filter>,
        options: FindOneAndOptions,
    ) -> Result<Option<Document>, Error> {
        if options.return_after || options.upsert {
            return Err(Error::Argument("a deleted document has no state afterwards"));
        }
        let mut body = self.find_and_modify(&filter.into(), &options)?;
        body.append(cstr!("remove"), true);
        self.run_find_and_modify(body).await
    }

    fn find_and_modify(&self, filter: &Filter, options: &FindOneAndOptions) -> Result<Body, Error> {
        self.checked_names()?;
        let mut body = command();
        body.append(cstr!("findAndModify"), self.name());
        append_document(&mut body, cstr!("query"), &filter.0)?;
        if let Some(sort) = &options.sort {
            append_document(&mut body, cstr!("sort"), sort)?;
        }
        if let Some(projection) = &options.projection {
            append_document(&mut body, cstr!("fields"), projection)?;
        }
        self.append_write_concern(&mut body)?;
        Ok(body)
    }

    async fn run_find_and_modify(&self, body: Body) -> Result<Option<Document>, Error> {
        let request = Request::new("findAndModify", self.database.name(), body);
        let reply = self.engine().ask(request).await?;
        WriteFailure::check_concern(reply.body())?;
        value(&reply, "value")
    }
}

fn append_change_options(body: &mut Body, options: &FindOneAndOptions) -> Result<(), Error> {
    body.append(cstr!("new"), options.return_after);
    body.append(cstr!("upsert"), options.upsert);
    if !options.array_filters.is_empty() {
        append_documents(body, cstr!("arrayFilters"), &options.array_filters)?;
    }
    Ok(())
}
