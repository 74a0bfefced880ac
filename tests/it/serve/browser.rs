//! The pages in a real browser.
//!
//! `FLOWQ_UPDATE_DOCS=1` writes the pictures of the documentation as well.

use std::fs;
use std::path::Path;

use super::devtools::Browser;
use super::server::{Server, TOKEN};
use crate::support::{SAMPLE_RECORDS, SAMPLES, root};

/// A name that would be code where it is not text.
const EVIL: &str = "<script>window.evil=1;<img src=x onerror=window.evil=1>";

const PAGES: &[&str] = &[
    "/",
    "/findings",
    "/jobs",
    "/jobs/spark-no-self-rule",
    "/flows",
    "/guide",
    "/coverage",
    "/sql",
    "/pipeline",
];

/// The most bytes of a picture.
const PICTURE_BYTES_MAX: usize = 200_000;

fn log_in(browser: &mut Browser, server: &Server) {
    browser.open(&format!("http://{}/findings", server.address));
    browser.run(&format!("document.querySelector('input[name=token]').value = '{TOKEN}'; document.querySelector('form').submit()"));
    browser.wait_for(
        "location.pathname === '/findings' && document.querySelector('main#content') !== null",
    );
    // The page that asks for the token is an answer of status 401, which the browser notes.
    browser.complaints.clear();
}

#[test]
fn every_page_works_in_a_browser() {
    let Some(mut browser) = Browser::start() else { return };
    let server = Server::start(&SAMPLES).ready();
    log_in(&mut browser, &server);
    let base = format!("http://{}", server.address);
    for page in PAGES {
        for (width, colours) in [(1280, "light"), (1280, "dark"), (400, "light"), (2000, "light")] {
            browser.show_as(width, 900, colours);
            browser.open(&format!("{base}{page}"));
            let wide = browser.run("document.documentElement.scrollWidth").as_u64().unwrap();
            assert!(wide <= u64::from(width), "{page} is {wide} wide at {width}");
        }
        accessible(&mut browser, page);
    }
    assert_eq!(browser.complaints, Vec::<String>::new());
    browser.show_as(1280, 900, "light");
    use_filters(&mut browser, &base);
    use_sql(&mut browser, &base);
    assert_eq!(browser.complaints, Vec::<String>::new());
    pictures(&mut browser, &base);
}

/// Every control has a name, every picture a text, every table a heading for each column; one heading is the page's.
fn accessible(browser: &mut Browser, page: &str) {
    let nameless = browser.run(
        "[...document.querySelectorAll('input:not([type=hidden]),select,textarea,button,a')].filter(e => \
           !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length || e.querySelector('title'))).map(e => e.outerHTML)",
    );
    assert_eq!(nameless, serde_json::json!([]), "{page}");
    assert_eq!(browser.run("document.querySelectorAll('h1').length"), 1, "{page}");
    assert_eq!(browser.run("document.documentElement.lang"), "en");
    let charts = browser.run("[...document.querySelectorAll('svg')].every(e => e.getAttribute('role') === 'img' && e.querySelector('title'))");
    assert_eq!(charts, true, "{page}");
    let tables = browser
        .run("[...document.querySelectorAll('table')].every(e => e.querySelector('th[scope]'))");
    assert_eq!(tables, true, "{page}");
    let contrast = browser.run(CONTRAST);
    assert_eq!(contrast, serde_json::json!([]), "{page}");
}

/// Texts whose contrast with their ground is less than WCAG's AA wants.
const CONTRAST: &str = r"(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 250) return c; } return [255, 255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll('main *')) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!text || e.closest('svg') || e.closest('.none') || e.disabled || !e.checkVisibility()) continue;
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(e.outerHTML.slice(0, 120));
  }
  return bad.slice(0, 5);
})()";

fn use_filters(browser: &mut Browser, base: &str) {
    browser.open(&format!("{base}/findings"));
    browser.run("document.querySelector('select[name=severity]').value = 'high'; document.querySelector('form.inline button').click()");
    browser.wait_for(
        "location.search.includes('severity=high') && document.readyState === 'complete'",
    );
    browser.run("document.querySelector('input[name=job]').value = 'pip-*'; document.querySelector('form.filter button').click()");
    browser.wait_for("location.search.includes('job=pip-') && document.readyState === 'complete'");
    assert_eq!(
        browser.run("location.search.includes('severity=high')"),
        true,
        "the page keeps its own parameters"
    );
    assert_eq!(browser.run("document.querySelectorAll('tbody tr').length"), 2);
    // The link goes along to other pages, and shows the same to another browser.
    browser.run("document.querySelector('nav a[href^=\"/jobs\"]').click()");
    browser.wait_for("location.pathname === '/jobs' && document.readyState === 'complete'");
    assert_eq!(browser.run("document.querySelectorAll('tbody tr').length"), 1);
    browser.open(&format!("{base}/flows?side=job"));
    browser.run("document.querySelector('svg.chart a[href*=\"way=s3+nat-gateway\"],svg.chart a[href*=\"nat-gateway\"]').dispatchEvent(new MouseEvent('click', { bubbles: true }))");
    browser
        .wait_for("location.search.includes('nat-gateway') && document.readyState === 'complete'");
    assert_eq!(browser.run("document.querySelectorAll('tbody tr').length"), 1);
    // A drag over a chart is a time range.
    browser.open(&format!("{base}/"));
    browser.run(
        "(() => { const svg = document.querySelector('svg[data-from]'); const box = svg.getBoundingClientRect(); \
           const at = (part) => ({ button: 0, bubbles: true, clientX: box.left + box.width * part, clientY: box.top + 50 }); \
           svg.dispatchEvent(new PointerEvent('pointerdown', at(0.3))); svg.dispatchEvent(new PointerEvent('pointermove', at(0.5))); \
           svg.dispatchEvent(new PointerEvent('pointerup', at(0.5))); })()",
    );
    browser.wait_for(
        "location.search.includes('since=2026-03-10') && document.readyState === 'complete'",
    );
    browser.open(&format!("{base}/findings?job=spark-no-self-rule"));
    browser.run("document.querySelector('a[href^=\"/findings/\"]').click()");
    browser.wait_for(
        "location.pathname.startsWith('/findings/') && document.readyState === 'complete'",
    );
    browser.run(
        "window.copied = ''; navigator.clipboard.writeText = async (text) => { window.copied = text; }; \
         document.querySelector('button[data-copy]').click()",
    );
    browser.wait_for("window.copied.startsWith('aws ec2 authorize-security-group-ingress')");
}

fn use_sql(browser: &mut Browser, base: &str) {
    browser.open(&format!("{base}/sql"));
    let run = |sql: &str| {
        format!(
            "document.querySelector('textarea').value = `{sql}`; document.querySelector('form[data-sql]').requestSubmit()"
        )
    };
    browser.run(&run("SELECT count(*) AS n FROM flow_logs"));
    let records = format!("{},{:03}", SAMPLE_RECORDS / 1000, SAMPLE_RECORDS % 1000);
    browser.wait_for(&format!("document.querySelector('#result td')?.textContent === '{records}'"));
    assert_eq!(
        browser.run("location.search.includes('sql=SELECT')"),
        true,
        "the link has the statement"
    );
    browser.run(&run("SELECT wrong FROM nowhere"));
    browser.wait_for("document.querySelector('#result .fault') !== null");
    browser.run(&run("SELECT sum(a.bytes+b.bytes+c.bytes+d.bytes) FROM flow_logs a, flow_logs b, flow_logs c, flow_logs d"));
    browser.wait_for("document.querySelector('button[data-cancel]').disabled === false");
    // The statement may not run yet.
    browser.wait_for("(document.querySelector('button[data-cancel]').click(), document.querySelector('#result').textContent.includes('was cancelled'))");
    browser.run("document.querySelector('textarea').value = 'SELECT * FROM conv'; document.querySelector('textarea').setSelectionRange(18, 18); \
                 document.querySelector('textarea').dispatchEvent(new Event('input'))");
    browser
        .wait_for("document.querySelector('.completion li')?.textContent === 'conversation_sums'");
}

/// Pictures of the documentation, which are written only when that is asked for.
fn pictures(browser: &mut Browser, base: &str) {
    let wanted = std::env::var_os("FLOWQ_UPDATE_DOCS").is_some();
    let folder = root().join("docs/images");
    for (name, page, width, height, colours) in [
        ("overview", "/", 1280, 820, "light"),
        ("flow-map", "/flows", 1100, 600, "dark"),
        ("finding", "/findings?job=spark-no-self-rule", 1280, 900, "light"),
        ("job", "/jobs/spark-no-self-rule", 1280, 900, "light"),
        ("coverage", "/coverage", 1280, 800, "light"),
        ("phone", "/", 400, 800, "light"),
    ] {
        browser.show_as(width, height, colours);
        browser.open(&format!("{base}{page}"));
        if name == "finding" {
            browser.run("document.querySelector('a[href^=\"/findings/\"]').click()");
            browser.wait_for(
                "location.pathname.startsWith('/findings/') && document.readyState === 'complete'",
            );
        }
        let picture = browser.picture();
        assert!(picture.len() < PICTURE_BYTES_MAX, "{name}: {} bytes", picture.len());
        if wanted {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{name}.png")), picture).unwrap();
        }
    }
}

#[test]
fn hostile_names_stay_text() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    hostile(folder.path(), &logs);
    let inventory = folder.path().join("map.csv");
    let args = [logs.to_str().unwrap(), "--inventory", inventory.to_str().unwrap()];
    let server = Server::start(&args).ready();
    let rows = server.get("/findings.json").rows("findings");
    assert!(!rows.is_empty(), "the samples of this test give no finding");
    log_in(&mut browser, &server);
    let base = format!("http://{}", server.address);
    let job = rows[0]["job"].as_str().unwrap().to_owned();
    assert_eq!(job, EVIL);
    let id = rows[0]["finding_id"].as_str().unwrap();
    for page in [
        "/",
        "/findings",
        "/jobs",
        "/flows?side=job",
        "/coverage",
        "/pipeline",
        &format!("/findings/{id}"),
    ] {
        browser.open(&format!("{base}{page}"));
        assert_eq!(browser.run("window.evil === undefined"), true, "{page}");
        assert_eq!(
            browser.run(
                "document.querySelectorAll('main script, main img, svg script, svg image').length"
            ),
            0,
            "{page}"
        );
    }
    browser.open(&format!("{base}/jobs"));
    browser.run("document.querySelector('a[href^=\"/jobs/\"]').click()");
    browser.wait_for("location.pathname.startsWith('/jobs/') && document.querySelector('h1') !== null && document.readyState === 'complete'");
    assert_eq!(browser.run("document.querySelector('h1').textContent"), EVIL);
    browser.open(&format!("{base}/sql?sql=SELECT%20'%3Cimg%20src%3Dx%20onerror%3Dwindow.evil%3D1%3E'%20AS%20%22%3Cb%3E%22"));
    assert_eq!(browser.run("window.evil === undefined && document.querySelectorAll('#result img, #result b').length === 0"), true);
    assert_eq!(browser.complaints, Vec::<String>::new());
}

/// A log whose object and whose job have hostile names.
fn hostile(folder: &Path, logs: &Path) {
    let name = format!("{EVIL}.log");
    let fields = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end \
                  action log-status flow-direction";
    let mut text = format!("{fields}\n");
    for at in 0..20 {
        let start = 1_773_133_200 + at * 60;
        let rest = format!("6 10 5000 {start} {} ACCEPT OK", start + 60);
        let head = "5 123456789012 eni-0aaaaaaaaaaaaaaaa";
        text.push_str(&format!("{head} 10.0.0.1 203.0.113.9 40000 443 {rest} egress\n"));
        text.push_str(&format!("{head} 203.0.113.9 10.0.0.1 443 40000 {rest} ingress\n"));
    }
    fs::write(logs.join(name), text).unwrap();
    let map = format!("interface,job,from,to\neni-0aaaaaaaaaaaaaaaa,\"{EVIL}\",,\n");
    fs::write(folder.join("map.csv"), map).unwrap();
}
