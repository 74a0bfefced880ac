//! The content of a page, apart from how it is written.

use maud::Markup;

use crate::serve::DataTable;

/// A page.
#[derive(Debug, Clone, Default)]
pub struct PageContent {
    /// Its heading.
    pub title: String,
    /// The path of the entry of the navigation that it belongs to.
    pub entry: &'static str,
    /// Its own path without parameters, to which `.json` and `.csv` are added.
    pub path: String,
    /// Sentences below the heading.
    pub notes: Vec<String>,
    /// Its parts, in reading order. The first with rows is what `.csv` has, unless `section` names another.
    pub sections: Vec<PageSection>,
}

/// A part of a page.
#[derive(Debug, Clone, Default)]
pub struct PageSection {
    /// Its name in JSON and in links.
    pub id: &'static str,
    /// Its heading. Empty: none.
    pub title: String,
    /// Sentences that belong to it.
    pub notes: Vec<String>,
    /// What only people see, above the rows: charts, forms, blocks.
    pub figure: Option<Markup>,
    /// Its rows.
    pub table: Option<DataTable>,
    /// Whether HTML hides the rows in an element that opens: they repeat the figure.
    pub is_folded: bool,
    /// Whether HTML leaves the rows out: the figure shows all of them.
    pub is_figure_only: bool,
}

impl PageSection {
    /// Creates a part with rows.
    pub fn new(id: &'static str, title: impl Into<String>, table: DataTable) -> Self {
        Self { id, title: title.into(), table: Some(table), ..Self::default() }
    }

    /// Creates a part that only people see.
    pub fn figure(id: &'static str, title: impl Into<String>, figure: Markup) -> Self {
        Self { id, title: title.into(), figure: Some(figure), ..Self::default() }
    }

    /// Adds a sentence.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}
