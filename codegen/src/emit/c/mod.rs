//! The C output: the files of `codegen/c` as they are, which no schema changes, and for each schema a header, a
//! decoder and a source file.
//!
//! A view holds final names, declarations and numbers; the templates in `templates/c` only loop.
//! Everything compiles as C99 to C23 and C++17 under `-Wall -Wextra -Wpedantic`, and inside a Linux
//! kernel module.

mod accessors;
mod annotations;
mod believed;
mod capture;
mod decode;
mod docs;
mod header;
mod links;
mod source;
mod structs;
mod types;

use askama::Template;

use super::Files;
use crate::model::Model;
use crate::model::names::schema_word;

const FIXED: [(&str, &str); 8] = [
    ("c/inspect.h", include_str!("../../../c/inspect.h")),
    ("c/inspect_types.h", include_str!("../../../c/inspect_types.h")),
    ("c/inspect_decode.h", include_str!("../../../c/inspect_decode.h")),
    ("c/inspect_dump.h", include_str!("../../../c/inspect_dump.h")),
    ("c/inspect_hotplug.h", include_str!("../../../c/inspect_hotplug.h")),
    ("c/inspect_hotplug.c", include_str!("../../../c/inspect_hotplug.c")),
    ("c/inspect_runtime.c", include_str!("../../../c/inspect_runtime.c")),
    ("c/inspect_dump.c", include_str!("../../../c/inspect_dump.c")),
];

/// The files of every emitted schema, and what they share.
#[must_use]
pub fn emit(model: &Model) -> Files {
    let mut files: Files =
        FIXED.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    let links = links::Links::of(model);
    let schemas = super::written(model, |id, core| {
        header::includes(model, id).contains(&core) || links.decoders(id).contains(&core)
    });
    for schema in schemas {
        let word = schema_word(&model[schema].name);
        // The decoder is as long as the rest together.
        let (decoder, header, source) = std::thread::scope(|scope| {
            let decoder = scope.spawn(|| print(&decode::view(model, &links, schema), 1 << 20));
            let carried = source::Carried::of(model, schema);
            let sizes = header::CarriedView::of(&carried);
            let source = print(&source::view(model, schema, &carried), 1 << 16);
            // The blobs are large, and the header needs no more than their sizes.
            drop(carried);
            let header = print(&header::view(model, schema, sizes), 1 << 20);
            let decoder = decoder.join().expect("the views of a valid model do not panic");
            (decoder, header, source)
        });
        for (suffix, text) in [("decode.h", decoder), ("inspect.h", header), ("inspect.c", source)]
        {
            files.insert(format!("c/{word}.{suffix}"), text.into_bytes());
        }
    }
    files
}

fn print(view: &impl Template, capacity: usize) -> String {
    let mut out = String::with_capacity(capacity);
    // Writing to a string does not fail, and the templates call nothing that could.
    view.render_into(&mut out).expect("a template of the C output renders into a string");
    // A template ends without the newline of its last line.
    out.push('\n');
    out
}
