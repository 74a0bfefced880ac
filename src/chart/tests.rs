//! Charts of few and of many marks, and of untrusted names.

use super::*;

const EVIL: &str = "</title><script>alert(1)</script>\"'&\u{202e}";

fn number(value: f64) -> String {
    format!("{value}")
}

fn bars(series: &[BarSeries], covered: &[Option<f64>]) -> String {
    let time = TimeScale { from: 1_773_133_200, to: 1_773_133_200 + 3600 };
    StackedBars { title: "Findings", time, series, covered, amount: number, is_whole: true }.svg()
}

fn nodes(names: [&str; 3]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

fn sankey(paths: &[SankeyPath]) -> String {
    let href = |layer: usize, name: &str| (layer != 1).then(|| format!("/flows?name={name}"));
    Sankey {
        title: "Flows",
        layers: &["job", "way", "destination"],
        paths,
        amount: number,
        href: &href,
        tone: &|_| Tone::Series(2),
    }
    .svg()
}

#[test]
fn bars_stand_on_each_other_above_what_was_covered() {
    let series = [
        BarSeries { name: "high".to_owned(), tone: Tone::High, values: vec![1.0, 0.0, 2.0] },
        BarSeries { name: "low".to_owned(), tone: Tone::Low, values: vec![3.0, 0.0, 0.0] },
    ];
    insta::assert_snapshot!(bars(&series, &[Some(1.0), None, Some(0.5)]));
}

#[test]
fn a_sankey_of_one_path() {
    insta::assert_snapshot!(sankey(&[SankeyPath {
        nodes: nodes(["nightly-*", "internet", "203.0.113.66"]),
        value: 5.0
    }]));
}

#[test]
fn a_sankey_of_ten_thousand_paths_stays_small_and_loses_no_amount() {
    let jobs: Vec<String> = (0..100).map(|at| format!("job-{at}")).collect();
    let destinations: Vec<String> = (0..100).map(|at| format!("203.0.113.{at}")).collect();
    let mut paths = Vec::new();
    for (at, job) in jobs.iter().enumerate() {
        for destination in &destinations {
            let way = ["internet", "s3 nat-gateway", "vpc"][at % 3];
            paths.push(SankeyPath { nodes: nodes([job, way, destination]), value: 1.0 });
        }
    }
    let svg = sankey(&paths);
    assert!(svg.len() < 200_000, "{}", svg.len());
    assert!(
        svg.contains("77 others: 7700, 77 %") || svg.contains("77 others: 7700, 77.0 %"),
        "{svg}"
    );
}

#[test]
fn names_are_letters_and_nothing_more() {
    let series = [BarSeries { name: EVIL.to_owned(), tone: Tone::High, values: vec![1.0] }];
    let name = EVIL.to_owned();
    let time = TimeScale { from: 0, to: 600 };
    let span = TimelineSpan { from: 0, to: 60, tone: Tone::Good, says: name.clone() };
    let lanes = [TimelineLane { name: name.clone(), href: Some(name.clone()), spans: vec![span] }];
    let rows = [HeatRow {
        name: name.clone(),
        href: None,
        cells: vec![Some((Tone::Good, name.clone())), None],
    }];
    let cell = MatrixCell {
        from: name.clone(),
        to: name.clone(),
        tone: Tone::High,
        lines: vec![name.clone()],
        says: name.clone(),
    };
    let names = [name];
    for svg in [
        bars(&series, &[]),
        sankey(&[SankeyPath { nodes: nodes([EVIL, EVIL, EVIL]), value: 1.0 }]),
        Timeline { title: EVIL, time, lanes: &lanes, legend: &[(Tone::Good, EVIL)] }.svg(),
        HeatMap { title: EVIL, time, rows: &rows, legend: &[(Tone::Good, EVIL)] }.svg(),
        Matrix { title: EVIL, names: &names, cells: &[cell], legend: &[(Tone::High, EVIL)] }.svg(),
    ] {
        assert!(
            !svg.contains("<script") && !svg.contains('\u{202e}') && !svg.contains("alert(1)\""),
            "{svg}"
        );
        assert!(svg.starts_with("<svg class=\"chart") && svg.ends_with("</svg>"));
        assert!(!svg.contains("style="), "no inline style: the policy of the pages forbids it");
    }
}

#[test]
fn nothing_is_a_chart_too() {
    let time = TimeScale { from: 5, to: 5 };
    assert!(bars(&[], &[]).contains("</svg>") && sankey(&[]).contains("</svg>"));
    assert!(Timeline { title: "", time, lanes: &[], legend: &[] }.svg().contains("</svg>"));
    assert!(HeatMap { title: "", time, rows: &[], legend: &[] }.svg().contains("</svg>"));
    assert!(Matrix { title: "", names: &[], cells: &[], legend: &[] }.svg().contains("</svg>"));
}
