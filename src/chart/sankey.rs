//! Flows through layers, as bands whose width is their amount.

use std::collections::BTreeMap;

use crate::chart::svg::{Drawing, Tone, WIDTH, round, short};

const NODE_WIDTH: f64 = 12.0;
const LABEL_WIDTH: f64 = 190.0;
const GAP: f64 = 7.0;
const TOP: f64 = 24.0;

/// The most nodes of a layer; the rest are one node.
const NODES_MAX: usize = 24;

/// The most bands between two layers, so that a page stays one that can be read and drawn.
const BANDS_MAX: usize = 600;

/// Passes that put the nodes of a layer in the order of those that they are connected to.
const PASSES: usize = 6;

/// An amount that flows through all layers.
#[derive(Debug, Clone, PartialEq)]
pub struct SankeyPath {
    /// The node of each layer.
    pub nodes: Vec<String>,
    /// The amount.
    pub value: f64,
}

/// Flows through layers.
pub struct Sankey<'a> {
    /// What it shows.
    pub title: &'a str,
    /// The names of the layers.
    pub layers: &'a [&'a str],
    /// What flows.
    pub paths: &'a [SankeyPath],
    /// Writes an amount.
    pub amount: fn(f64) -> String,
    /// Returns where a node leads to: its layer and name are given.
    pub href: &'a dyn Fn(usize, &str) -> Option<String>,
    /// Returns the colour of a node of the second layer: it is that of its bands as well.
    pub tone: &'a dyn Fn(&str) -> Tone,
}

/// A node of a layer.
struct Node {
    name: String,
    value: f64,
    /// Whether it stands for several.
    is_rest: bool,
    y: f64,
    /// What of its height the bands on each side already take.
    used: (f64, f64),
}

/// The nodes of all layers, and the bands between each two.
struct Layout {
    layers: Vec<Vec<Node>>,
    bands: Vec<BTreeMap<(usize, usize), f64>>,
}

impl Sankey<'_> {
    /// Returns the chart.
    pub fn svg(&self) -> String {
        let mut layout = self.layout();
        order(&mut layout);
        let most = layout.layers.iter().map(Vec::len).max().unwrap_or(0);
        let total =
            layout.layers.first().map_or(0.0, |nodes| nodes.iter().map(|node| node.value).sum());
        let room = (most as f64 * 20.0).clamp(150.0, 480.0);
        let scale = if total > 0.0 { room / total } else { 0.0 };
        let plot = place(&mut layout, scale);
        let mut drawing = Drawing::new((WIDTH, TOP + plot + 14.0), self.title, "");
        self.bands(&mut drawing, &mut layout, scale, total);
        self.nodes(&mut drawing, &layout, scale, total);
        drawing.finish()
    }

    /// Left edge of the nodes of a layer. The last has its names on the left.
    fn x(&self, layer: usize) -> f64 {
        let last = self.layers.len().saturating_sub(1).max(1);
        let span = WIDTH - 2.0 * LABEL_WIDTH - NODE_WIDTH;
        LABEL_WIDTH + span * layer as f64 / last as f64
    }

    /// Adds up nodes and bands; the smallest nodes of a layer become one.
    fn layout(&self) -> Layout {
        let count = self.layers.len();
        let mut sums: Vec<BTreeMap<&str, f64>> = vec![BTreeMap::new(); count];
        for path in self.paths.iter().filter(|path| path.value > 0.0 && path.nodes.len() == count) {
            for (layer, name) in path.nodes.iter().enumerate() {
                *sums[layer].entry(name).or_default() += path.value;
            }
        }
        let mut index: Vec<BTreeMap<&str, usize>> = Vec::with_capacity(count);
        let mut layers = Vec::with_capacity(count);
        for sums in &sums {
            let mut order: Vec<(&str, f64)> =
                sums.iter().map(|(name, value)| (*name, *value)).collect();
            order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
            let kept = if order.len() > NODES_MAX { NODES_MAX - 1 } else { order.len() };
            let node = |(name, value): &(&str, f64)| Node {
                name: (*name).to_owned(),
                value: *value,
                is_rest: false,
                y: 0.0,
                used: (0.0, 0.0),
            };
            let mut nodes: Vec<Node> = order.iter().take(kept).map(node).collect();
            if kept < order.len() {
                let value = order.iter().skip(kept).map(|(_, value)| value).sum();
                let name = format!("{} others", order.len() - kept);
                nodes.push(Node { name, value, is_rest: true, y: 0.0, used: (0.0, 0.0) });
            }
            index.push(
                order.iter().enumerate().map(|(at, (name, _))| (*name, at.min(kept))).collect(),
            );
            layers.push(nodes);
        }
        let mut bands: Vec<BTreeMap<(usize, usize), f64>> =
            vec![BTreeMap::new(); count.saturating_sub(1)];
        for path in self.paths.iter().filter(|path| path.value > 0.0 && path.nodes.len() == count) {
            for (layer, pair) in path.nodes.windows(2).enumerate() {
                let ends =
                    (index[layer].get(pair[0].as_str()), index[layer + 1].get(pair[1].as_str()));
                if let (Some(from), Some(to)) = ends {
                    *bands[layer].entry((*from, *to)).or_default() += path.value;
                }
            }
        }
        Layout { layers, bands }
    }

    fn bands(&self, drawing: &mut Drawing, layout: &mut Layout, scale: f64, total: f64) {
        for layer in 0..layout.bands.len() {
            let (left, right) = (self.x(layer) + NODE_WIDTH, self.x(layer + 1));
            let middle = (left + right) / 2.0;
            let mut bands: Vec<((usize, usize), f64)> =
                layout.bands[layer].iter().map(|(ends, value)| (*ends, *value)).collect();
            bands.sort_by(|a, b| b.1.total_cmp(&a.1));
            bands.truncate(BANDS_MAX);
            // From top to bottom on both sides, so that bands cross as little as they can.
            bands.sort_by(|a, b| {
                let y = |ends: (usize, usize)| {
                    (layout.layers[layer][ends.0].y, layout.layers[layer + 1][ends.1].y)
                };
                y(a.0).partial_cmp(&y(b.0)).unwrap_or(std::cmp::Ordering::Equal)
            });
            for ((from, to), value) in bands {
                let tall = value * scale;
                let source = &mut layout.layers[layer][from];
                let y1 = source.y + source.used.1;
                source.used.1 += tall;
                let name = source.name.clone();
                let target = &mut layout.layers[layer + 1][to];
                let y2 = target.y + target.used.0;
                target.used.0 += tall;
                let tall = tall.max(0.6);
                let says = format!(
                    "{name} → {}: {}, {:.1} %",
                    target.name,
                    (self.amount)(value),
                    share(value, total)
                );
                let [left, right, middle] = [left, right, middle].map(round);
                let [top1, top2, end1, end2] = [y1, y2, y1 + tall, y2 + tall].map(round);
                let shape = format!(
                    "M{left} {top1}C{middle} {top1} {middle} {top2} {right} {top2}V{end2}C{middle} {end2} {middle} {end1} \
                     {left} {end1}Z"
                );
                // Colours are those of the second layer: it is the one with few nodes.
                let tone = (self.tone)(if layer == 0 { &target.name } else { &name });
                drawing.path(&shape, &format!("band {}", tone.class()), &says);
            }
        }
    }

    fn nodes(&self, drawing: &mut Drawing, layout: &Layout, scale: f64, total: f64) {
        let last = layout.layers.len().saturating_sub(1);
        for (layer, nodes) in layout.layers.iter().enumerate() {
            let x = self.x(layer);
            let (at, class) =
                if layer == 0 { (x - 8.0, "end") } else { (x + NODE_WIDTH + 8.0, "") };
            if let Some(name) = self.layers.get(layer) {
                drawing.text((at, 12.0), class, name);
            }
            for node in nodes {
                let tall = (node.value * scale).max(1.0);
                let says = format!(
                    "{}: {}, {:.1} %",
                    node.name,
                    (self.amount)(node.value),
                    share(node.value, total)
                );
                let tone = if layer == 1 { (self.tone)(&node.name) } else { Tone::Series(6) };
                let href = if node.is_rest { None } else { (self.href)(layer, &node.name) };
                drawing.linked(href.as_deref(), |drawing| {
                    drawing.rect((x, node.y), (NODE_WIDTH, tall), &tone.class(), &says);
                    let letters = if layer == 0 || layer == last { 27 } else { 30 };
                    let y = node.y + tall / 2.0 + 4.0;
                    let class = if class.is_empty() { "name" } else { "name end" };
                    drawing.text((at, y), class, &short(&node.name, letters));
                });
            }
        }
    }
}

fn share(value: f64, total: f64) -> f64 {
    if total > 0.0 { (value / total * 1000.0).floor() / 10.0 } else { 0.0 }
}

/// Puts the nodes of each layer in the order of the middle of those that they are connected to.
fn order(layout: &mut Layout) {
    for pass in 0..PASSES {
        let is_forward = pass % 2 == 0;
        let pairs: Vec<usize> = match is_forward {
            true => (0..layout.bands.len()).collect(),
            false => (0..layout.bands.len()).rev().collect(),
        };
        for layer in pairs {
            let moved = if is_forward { layer + 1 } else { layer };
            let mut middles = vec![(0.0, 0.0); layout.layers[moved].len()];
            for ((from, to), value) in &layout.bands[layer] {
                let (own, other) = if is_forward { (*to, *from) } else { (*from, *to) };
                middles[own].0 += other as f64 * value;
                middles[own].1 += value;
            }
            let mut sorted: Vec<usize> = (0..middles.len()).collect();
            let middle = |at: usize| {
                if middles[at].1 > 0.0 { middles[at].0 / middles[at].1 } else { at as f64 }
            };
            sorted.sort_by(|a, b| middle(*a).total_cmp(&middle(*b)));
            reorder(layout, moved, &sorted);
        }
    }
}

/// Moves the nodes of a layer, and the ends of its bands with them.
fn reorder(layout: &mut Layout, layer: usize, sorted: &[usize]) {
    let mut place = vec![0; sorted.len()];
    sorted.iter().enumerate().for_each(|(new, old)| place[*old] = new);
    let mut nodes: Vec<Option<Node>> =
        std::mem::take(&mut layout.layers[layer]).into_iter().map(Some).collect();
    layout.layers[layer] = sorted.iter().filter_map(|old| nodes[*old].take()).collect();
    let renumber = |bands: &mut BTreeMap<(usize, usize), f64>, is_source: bool| {
        let all = std::mem::take(bands);
        *bands = all
            .into_iter()
            .map(|((from, to), value)| match is_source {
                true => ((place[from], to), value),
                false => ((from, place[to]), value),
            })
            .collect();
    };
    if layer > 0 {
        renumber(&mut layout.bands[layer - 1], false);
    }
    if let Some(bands) = layout.bands.get_mut(layer) {
        renumber(bands, true);
    }
}

/// Gives every node its place, and returns the height of the highest layer. Names need a line each.
fn place(layout: &mut Layout, scale: f64) -> f64 {
    const LINE: f64 = 14.0;
    let takes = |node: &Node| (node.value * scale).max(LINE);
    let height = |nodes: &Vec<Node>| {
        nodes.iter().map(takes).sum::<f64>() + GAP * nodes.len().saturating_sub(1) as f64
    };
    let plot = layout.layers.iter().map(height).fold(60.0, f64::max);
    for nodes in &mut layout.layers {
        let needed: f64 = nodes.iter().map(takes).sum();
        let gap = ((plot - needed) / nodes.len().max(1) as f64).clamp(0.0, GAP * 4.0);
        let mut y = TOP + gap / 2.0;
        for node in nodes {
            node.y = y + (LINE - node.value * scale).max(0.0) / 2.0;
            y += takes(node) + gap;
        }
    }
    plot
}
