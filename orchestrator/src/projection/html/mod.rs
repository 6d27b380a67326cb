// SPDX-License-Identifier: BSD-2-Clause
//! A run, or the last runs of all VMs, as one page of HTML that needs nothing
//! else: no script, no request, and nothing that anybody said is taken for
//! markup.
//!
//! - [`run`]: the page of a run.
//! - [`overview`]: the page of a service.
//! - `matrix`, `failures`, `vms`, `benchmarks`: their parts.
//! - [`trend`]: a series of measurements as a plot.
//!
//! Invariant: geometry is in SVG attributes, looks are in the one style sheet,
//! whose hash is all that the page's policy allows.

mod benchmarks;
mod failures;
mod matrix;
pub mod overview;
pub mod run;
pub mod trend;
mod vms;

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::state::{Phase, VmState};
use super::summary;
use super::text::{self, Tone};

const STYLE: &str = include_str!("style.css");

/// What a browser lets a page do: apply its own style sheet.
pub static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
});

/// A whole document.
fn document(title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(*POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (content) }
        }
    };
    page.into_string()
}

/// A page that says only this.
#[must_use]
pub fn notice(what: &str) -> String {
    document(
        what,
        &html! {
            main {
                h1 { (what) }
                p { a href="/" { "All VMs and runs" } }
            }
        },
    )
}

/// A section with its heading; nothing without content.
fn section(id: &str, heading: &str, content: Option<Markup>) -> Markup {
    html! {
        @if let Some(content) = content {
            section id=(id) aria-labelledby={ (id) "-heading" } {
                h2 id={ (id) "-heading" } { (heading) }
                (content)
            }
        }
    }
}

/// How something ended: a sign, a word and a colour, so that any two of them
/// may be missed.
#[derive(Debug, Clone, Copy)]
struct Mark {
    word: &'static str,
    tone: Tone,
}

impl Mark {
    fn of_vm(vm: &VmState) -> Self {
        let tone = match &vm.phase {
            Phase::Finished(end) => Tone::of(end.outcome),
            Phase::Waiting | Phase::In { .. } => Tone::Warn,
        };
        Self {
            word: summary::how_it_stands(vm),
            tone,
        }
    }

    fn render(self) -> Markup {
        html! {
            span class={ "mark " (class(self.tone)) } {
                span aria-hidden="true" { (sign(self)) " " } (self.word)
            }
        }
    }
}

fn sign(mark: Mark) -> &'static str {
    match (mark.tone, mark.word) {
        (_, "flaky") => "↻",
        (Tone::Good, _) => "✓",
        (Tone::Bad, _) => "✗",
        (Tone::Warn, _) => "!",
        (Tone::Strong | Tone::Quiet, _) => "–",
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Warn => "warn",
        Tone::Strong | Tone::Quiet => "quiet",
    }
}

/// Where the page of a run has its VM, by the VM's place in the run.
fn anchor(place: usize) -> String {
    format!("vm-{place}")
}

/// Lines that a machine wrote.
fn quote<'a>(lines: impl IntoIterator<Item = &'a str>) -> Markup {
    html! {
        pre { @for line in lines { (text::printable(line)) "\n" } }
    }
}

/// Facts with their names; those without a value are left out.
fn facts<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Markup {
    let said = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let mut said = said.peekable();
    html! {
        @if said.peek().is_some() {
            dl {
                @for (name, value) in said { dt { (name) } dd { (text::printable(&value)) } }
            }
        }
    }
}

/// A moment, for people and for programs.
fn moment(time: jiff::Timestamp) -> Markup {
    let shown = time.strftime("%Y-%m-%d %H:%M:%S UTC");
    html! { time datetime={ (format!("{time:.0}")) } { (shown.to_string()) } }
}
