//! A bar chart: per row one bar for us and one for the peer, scaled within the row (units differ).

use std::fmt::Write as _;

use super::report::{Report, number};
use super::{Row, Spread};

const WIDTH: u32 = 720;
const LEFT: u32 = 260;
const BAR: u32 = 16;
const GAP: u32 = 14;
const LONGEST: f64 = 330.0;
const OURS: &str = "#b5651d";
const THEIRS: &str = "#8a8f98";

/// The whole picture.
pub(super) fn chart(report: &Report) -> String {
    let mut bars = String::new();
    let mut top = 34;
    for row in &report.rows {
        top = draw_row(&mut bars, row, top) + GAP;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{top}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"8\" y=\"20\" font-weight=\"bold\">{} (medians; lines: min to max)</text>\n\
         {bars}</svg>\n",
        escape(&report.bench)
    )
}

/// Draws the bars of `row` from `top` on; gives where they end.
fn draw_row(bars: &mut String, row: &Row, top: u32) -> u32 {
    let sides = [(row.spread(), OURS, "extant"), (row.peer_spread(), THEIRS, peer_name(row))];
    let largest = sides.iter().filter_map(|side| side.0).map(|spread| spread.max);
    let scale = LONGEST / largest.fold(f64::MIN_POSITIVE, f64::max);
    let name = escape(&row.name);
    let _infallible =
        writeln!(bars, "<text x=\"8\" y=\"{}\">{name} [{}]</text>", top + 12, escape(&row.unit));
    let mut y = top;
    for (spread, colour, who) in sides {
        if let Some(spread) = spread {
            draw_bar(bars, spread, scale, (y, colour, who));
            y += BAR + 2;
        }
    }
    y
}

fn draw_bar(bars: &mut String, spread: Spread, scale: f64, style: (u32, &str, &str)) {
    let (y, colour, who) = style;
    let (length, low, high) = (spread.median * scale, spread.min * scale, spread.max * scale);
    let left = f64::from(LEFT);
    let middle = y + BAR / 2;
    let _infallible = writeln!(
        bars,
        "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\n\
         <path d=\"M{:.1} {middle}H{:.1}\" stroke=\"#222222\"/>\n\
         <text x=\"{:.1}\" y=\"{}\">{} {}</text>",
        left + low,
        left + high,
        left + high.max(length) + 6.0,
        y + 12,
        number(spread.median),
        escape(who),
    );
}

fn peer_name(row: &Row) -> &str {
    row.peer.as_deref().unwrap_or("peer")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
