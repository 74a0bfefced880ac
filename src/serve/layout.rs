//! The frame of every page: navigation, filter, heading, sections.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::serve::cell::shown;
use crate::serve::{
    App, DataTable, LoadState, PageContent, PageSection, QueryArgs, Snapshot, assets, text,
};

/// Path and name of every entry of the navigation.
pub(super) const ENTRIES: &[(&str, &str)] = &[
    ("/", "Overview"),
    ("/findings", "Findings"),
    ("/jobs", "Jobs"),
    ("/flows", "Flow map"),
    ("/guide", "Guide"),
    ("/coverage", "Coverage"),
    ("/sql", "SQL"),
    ("/pipeline", "Pipeline"),
];

/// A document without navigation.
pub(super) fn bare(title: &str, refresh: Option<&str>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if let Some(refresh) = refresh { meta http-equiv="refresh" content=(refresh); }
                title { (shown(title)) " · flowq" }
                link rel="stylesheet" href=(assets::link("console.css"));
                link rel="icon" href=(assets::link("icon.svg")) type="image/svg+xml";
                script src=(assets::link("console.js")) defer {}
            }
            body { (body) }
        }
    }
}

/// A page as HTML.
pub(super) fn page(app: &App, page: &PageContent, args: &QueryArgs, snapshot: &Snapshot) -> Markup {
    let body = html! {
        a.skip href="#content" { "Skip to content" }
        (bar(app, page.entry, args, snapshot))
        (filter(page, args, snapshot))
        main id="content" {
            div.head {
                h1 { (shown(&page.title)) }
                (formats(page, args))
            }
            (notes(&page.notes, "notes page-notes"))
            @for part in &page.sections { (section(part)) }
        }
        footer { "Sources: " (shown(&app.sources.join(", "))) ". Times are UTC. Sizes are in units of 1,000." }
    };
    bare(&page.title, None, &body)
}

fn bar(app: &App, entry: &str, args: &QueryArgs, snapshot: &Snapshot) -> Markup {
    let shared = args.shared();
    html! {
        header.bar {
            a.brand href=(shared.link("/")) { img src=(assets::link("icon.svg")) alt=""; "flowq" }
            nav.main aria-label="Pages" {
                @for (path, name) in ENTRIES {
                    a href=(shared.link(path)) aria-current=[(*path == entry).then_some("page")] { (name) }
                }
            }
            (reading(&app.store.state(), snapshot))
        }
    }
}

/// What the data is, and whether newer is coming.
fn reading(state: &LoadState, snapshot: &Snapshot) -> Markup {
    let class = match state {
        LoadState { failure: Some(_), .. } => "reading failed",
        LoadState { is_reading: true, .. } => "reading busy",
        _ => "reading",
    };
    let last = snapshot.traffic.span.map(|(_, last)| text::time(last));
    html! {
        div class=(class) data-version=(snapshot.version) {
            span.dot {}
            @match state {
                LoadState { failure: Some(why), .. } => span title=(shown(why)) { "last reading failed; " },
                LoadState { is_reading: true, .. } => "reading newer data; ",
                _ => "",
            }
            "records to " (last.unwrap_or_else(|| "–".to_owned())) ", read " (text::time(snapshot.read_at))
        }
    }
}

fn filter(page: &PageContent, args: &QueryArgs, snapshot: &Snapshot) -> Markup {
    let value = |name: &str| args.get(name).unwrap_or_default().to_owned();
    let span = snapshot.traffic.span;
    let hint = |at: Option<i64>| at.map_or_else(|| "2026-03-10 or 2h".to_owned(), text::rfc3339);
    html! {
        form.filter method="get" action=(page.path) role="search" aria-label="Time range and jobs" {
            label.field { "From" input type="text" name="since" value=(value("since")) placeholder=(hint(span.map(|span| span.0))) autocomplete="off"; }
            label.field { "To" input type="text" name="until" value=(value("until")) placeholder=(hint(span.map(|span| span.1))) autocomplete="off"; }
            label.field { "Jobs" input type="text" name="job" value=(value("job")) placeholder="all; * and ? match" list="jobs" autocomplete="off"; }
            datalist id="jobs" {
                @for job in snapshot.inventory.jobs.iter().take(500) { option value=(shown(&job.job_name)) {} }
            }
            @for (name, value) in args.own() { input type="hidden" name=(name) value=(value); }
            button type="submit" { "Apply" }
            @if args.shared() != QueryArgs::default() {
                a.button href=(args.with("since", None).with("until", None).with("job", None).link(&page.path)) { "Reset" }
            }
        }
    }
}

fn formats(page: &PageContent, args: &QueryArgs) -> Markup {
    let path = if page.path == "/" { "/overview" } else { &page.path };
    let has_rows = page.sections.iter().any(|section| section.table.is_some());
    html! {
        @if has_rows {
            div.formats { "This page as"
                a href=(args.link(&format!("{path}.json"))) { "JSON" }
                a href=(args.link(&format!("{path}.csv"))) { "CSV" }
            }
        }
    }
}

/// Sentences.
pub(super) fn notes(notes: &[String], class: &str) -> Markup {
    html! {
        @if !notes.is_empty() {
            ul class=(class) { @for note in notes { li { (shown(note)) } } }
        }
    }
}

fn section(part: &PageSection) -> Markup {
    // A figure without a heading stands free: tiles.
    if part.title.is_empty() && part.table.is_none() {
        return html! { @if let Some(figure) = &part.figure { (figure) } };
    }
    let id = (!part.id.is_empty()).then_some(part.id);
    html! {
        section.part id=[id] {
            @if !part.title.is_empty() { h2 { (shown(&part.title)) } }
            (notes(&part.notes, "notes"))
            @if let Some(figure) = &part.figure { (figure) }
            @if let Some(table) = part.table.as_ref().filter(|_| !part.is_figure_only) {
                @if part.is_folded && !table.rows.is_empty() {
                    details { summary { "As a table" } (table.html()) }
                } @else {
                    (rows(table))
                }
            }
        }
    }
}

/// Rows, or that there are none.
pub(super) fn rows(table: &DataTable) -> Markup {
    html! {
        @if table.rows.is_empty() { p.empty { "No rows." } } @else { (table.html()) }
    }
}

/// A chart that `chart` drew: every name in it is escaped there.
pub(super) fn chart(svg: String) -> Markup {
    html! { figure tabindex="0" role="group" { (PreEscaped(svg)) } }
}

/// Text to copy.
pub(super) fn snippet(text: &str) -> Markup {
    html! {
        div.snippet {
            pre { code { (shown(text)) } }
            button.copy type="button" data-copy { "Copy" }
        }
    }
}

/// A number with what it counts, that leads to its page.
pub(super) fn tile(number: &str, what: &str, href: Option<&str>) -> Markup {
    html! {
        @match href {
            Some(href) => a.tile href=(href) { b { (number) } span { (what) } },
            None => div.tile { b { (number) } span { (what) } },
        }
    }
}

/// Names and values.
pub(super) fn facts(pairs: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts { @for (name, value) in pairs { dt { (name) } dd { (value) } } }
    }
}

/// What went wrong, in place of a page.
pub(super) fn fault(message: &str, hint: Option<&str>) -> Markup {
    html! {
        p.fault role="alert" { (shown(message)) }
        @if let Some(hint) = hint { p { "Hint: " (shown(hint)) } }
    }
}
