// SPDX-License-Identifier: BSD-2-Clause
//! What a VM says is kept within bounds: texts are cut.

use std::borrow::Cow;

use protocol::event::TestFinished;

/// Characters of a text from a VM.
const KEPT_CHARS: usize = 1000;

pub(crate) fn clip_test(test: &TestFinished) -> TestFinished {
    TestFinished {
        target: clip(&test.target),
        category: test.category.as_deref().map(clip),
        id: clip(&test.id),
        name: clip(&test.name),
        filter: test.filter.as_deref().map(clip),
        message: test.message.as_deref().map(clip),
        ..*test
    }
}

pub(crate) fn clip(text: &str) -> String {
    shown(text).into_owned()
}

/// The first `chars` characters of `text`.
pub(in crate::projection) fn clip_to(text: &str, chars: usize) -> String {
    cut(text, chars).into_owned()
}

/// As much of `text` as is shown. A test's end only looks its names up, and
/// there are many.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    cut(text, KEPT_CHARS)
}

fn cut(text: &str, chars: usize) -> Cow<'_, str> {
    if text.len() <= chars {
        return text.into();
    }
    match text.char_indices().nth(chars) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}
