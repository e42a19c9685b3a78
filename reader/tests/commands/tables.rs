//! What tables of Arrow and Parquet hold, in words: their columns, their types, and how many rows.

use std::fmt::Write;
use std::fs::File;
use std::path::Path;

use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::FileReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// A line for each column: its name, its type, and how many rows have nothing there.
pub(crate) fn described(path: &Path) -> String {
    let file = || File::open(path).expect("a table");
    let batches: Vec<RecordBatch> = match FileReader::try_new(file(), None) {
        Ok(reader) => reader.map(|batch| batch.expect("a batch")).collect(),
        Err(_) => {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file()).expect("Parquet");
            builder.build().expect("a reader").map(|batch| batch.expect("a batch")).collect()
        }
    };
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut text = format!("{rows} rows\n");
    let Some(first) = batches.first() else { return text };
    for (index, field) in first.schema().fields().iter().enumerate() {
        let missing: usize = batches.iter().map(|batch| batch.column(index).null_count()).sum();
        let _ = writeln!(text, "{}: {}, {missing} null", field.name(), field.data_type());
    }
    text
}
