//! Rows of an export for analytical databases: Arrow's IPC formats, and Parquet.
//!
//! Every type is one that DuckDB, DataFusion, Spark and Trino read alike. Numbers of 64 bits
//! without a sign are decimal numbers: Parquet's unsigned integers are read by some as signed ones.
//! Fields are a map of texts, since a text of JSON needs an extension here and a dialect there.
//!
//! Rows are collected into batches, and batches into row groups; both are bounded in rows and in
//! bytes, so that memory does not grow with the table.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::builder::{
    Decimal128Builder, Int64Builder, ListBuilder, MapBuilder, MapFieldNames, StringBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{ArrowError, DataType, Field, Metadata, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::export::{COLUMNS, Cell, Column, ColumnType, Row, Sink, VERSION};

/// Rows of a batch, at most.
const BATCH_ROWS: usize = 8192;
/// Bytes of the texts of a batch, about.
const BATCH_BYTES: usize = 4 << 20;
/// Bytes of a row group, about.
const GROUP_BYTES: usize = 32 << 20;

/// Writes rows as the IPC file format, which can be mapped into memory.
pub struct ArrowFileRows<W: Write> {
    batch: Batch,
    writer: FileWriter<W>,
}

/// Writes rows as the IPC streaming format, which can be read from a pipe.
pub struct ArrowStreamRows<W: Write> {
    batch: Batch,
    writer: StreamWriter<W>,
}

/// Writes rows as Parquet.
pub struct ParquetRows<W: Write + Send> {
    batch: Batch,
    writer: ArrowWriter<W>,
}

impl<W: Write> ArrowFileRows<W> {
    /// Writes what stands before the rows.
    pub fn new(out: W) -> io::Result<Self> {
        let batch = Batch::new(&COLUMNS);
        let writer = FileWriter::try_new(out, &batch.schema).map_err(of_arrow)?;
        Ok(Self { batch, writer })
    }
}

impl<W: Write> ArrowStreamRows<W> {
    /// Writes what stands before the rows.
    pub fn new(out: W) -> io::Result<Self> {
        let batch = Batch::new(&COLUMNS);
        let writer = StreamWriter::try_new(out, &batch.schema).map_err(of_arrow)?;
        Ok(Self { batch, writer })
    }
}

impl<W: Write + Send> ParquetRows<W> {
    /// Writes what stands before the rows. Columns that the name of the directory says are left
    /// out: `without`.
    pub fn new(out: W, without: &[&str]) -> io::Result<Self> {
        let columns = COLUMNS.iter().filter(|column| !without.contains(&column.name));
        let columns: Vec<Column> = columns.copied().collect();
        let batch = Batch::new(&columns);
        let version = KeyValue::new(VERSION_KEY.to_owned(), VERSION.to_string());
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .set_key_value_metadata(Some(vec![version]))
            .build();
        let writer = ArrowWriter::try_new(out, batch.schema.clone(), Some(properties));
        Ok(Self { batch, writer: writer.map_err(of_parquet)? })
    }

    /// About how many bytes it holds in memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.batch.bytes + self.writer.memory_size()
    }
}

impl<W: Write> Sink for ArrowFileRows<W> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        match self.batch.row(row).map_err(of_arrow)? {
            Some(batch) => self.writer.write(&batch).map_err(of_arrow),
            None => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if let Some(batch) = self.batch.take().map_err(of_arrow)? {
            self.writer.write(&batch).map_err(of_arrow)?;
        }
        self.writer.finish().map_err(of_arrow)?;
        self.writer.get_mut().flush()
    }
}

impl<W: Write> Sink for ArrowStreamRows<W> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        match self.batch.row(row).map_err(of_arrow)? {
            Some(batch) => self.writer.write(&batch).map_err(of_arrow),
            None => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if let Some(batch) = self.batch.take().map_err(of_arrow)? {
            self.writer.write(&batch).map_err(of_arrow)?;
        }
        self.writer.finish().map_err(of_arrow)?;
        self.writer.get_mut().flush()
    }
}

impl<W: Write + Send> Sink for ParquetRows<W> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        match self.batch.row(row).map_err(of_arrow)? {
            Some(batch) => self.writer.write(&batch).map_err(of_parquet),
            None => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if let Some(batch) = self.batch.take().map_err(of_arrow)? {
            self.writer.write(&batch).map_err(of_parquet)?;
        }
        self.writer.into_inner().map_err(of_parquet)?.flush()
    }
}

/// Rows that are not written yet.
struct Batch {
    schema: SchemaRef,
    /// Where each column stands among [`COLUMNS`], and its values.
    columns: Vec<(usize, Values)>,
    rows: usize,
    bytes: usize,
}

impl Batch {
    fn new(columns: &[Column]) -> Self {
        let all = COLUMNS.iter().enumerate().filter(|(_, column)| columns.contains(column));
        let values = all.map(|(index, column)| (index, Values::new(column.column_type)));
        let values: Vec<(usize, Values)> = values.collect();
        Self { schema: schema(columns), columns: values, rows: 0, bytes: 0 }
    }

    /// Takes a row, and gives the batch that it completes.
    fn row(&mut self, row: &Row) -> Result<Option<RecordBatch>, ArrowError> {
        let cells = row.cells();
        for (index, values) in &mut self.columns {
            let cell = cells.get(*index).copied().unwrap_or(Cell::Null);
            self.bytes += values.push(cell)?;
        }
        self.rows += 1;
        if self.rows < BATCH_ROWS && self.bytes < BATCH_BYTES { Ok(None) } else { self.take() }
    }

    /// The rows that were collected, if there are any.
    fn take(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let arrays = self.columns.iter_mut().map(|(_, values)| values.take()).collect();
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new(self.schema.clone(), arrays).map(Some)
    }
}

/// Values of a column.
enum Values {
    Text(StringBuilder),
    Integer(Int64Builder),
    Unsigned(Decimal128Builder),
    Texts(ListBuilder<StringBuilder>),
    Map(MapBuilder<StringBuilder, StringBuilder>),
}

impl Values {
    fn new(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Text | ColumnType::Json => Self::Text(StringBuilder::new()),
            ColumnType::Integer => Self::Integer(Int64Builder::new()),
            ColumnType::Unsigned | ColumnType::Address => {
                Self::Unsigned(Decimal128Builder::new().with_data_type(DECIMAL))
            }
            ColumnType::Texts => {
                Self::Texts(ListBuilder::new(StringBuilder::new()).with_field(element()))
            }
            ColumnType::Map => {
                let [key, value] = ["key", "value"].map(str::to_owned);
                let names = MapFieldNames { entry: ENTRIES.to_owned(), key, value };
                let (keys, values) = (StringBuilder::new(), StringBuilder::new());
                Self::Map(MapBuilder::new(Some(names), keys, values))
            }
        }
    }

    /// Adds a value, and says about how many bytes it takes.
    fn push(&mut self, cell: Cell<'_>) -> Result<usize, ArrowError> {
        match (self, cell) {
            (Self::Text(values), Cell::Text(text)) => {
                values.append_value(text);
                return Ok(text.len() + 4);
            }
            (Self::Integer(values), Cell::Integer(number)) => values.append_value(number.into()),
            (Self::Unsigned(values), Cell::Unsigned(number)) => values.append_value(number.into()),
            (Self::Texts(values), Cell::Texts(texts)) => {
                for text in texts {
                    values.values().append_value(text);
                }
                values.append(true);
                return Ok(texts.iter().map(|text| text.len() + 4).sum());
            }
            (Self::Map(values), Cell::Map(map)) => {
                let mut size = 4;
                for (name, value) in map {
                    let text = text_of(value);
                    size += name.len() + text.as_ref().map_or(0, String::len) + 8;
                    values.keys().append_value(name);
                    values.values().append_option(text);
                }
                values.append(true)?;
                return Ok(size);
            }
            // The schema allows it, or refuses the batch.
            (Self::Text(values), _) => values.append_null(),
            (Self::Integer(values), _) => values.append_null(),
            (Self::Unsigned(values), _) => values.append_null(),
            (Self::Texts(values), _) => values.append_null(),
            (Self::Map(values), _) => values.append(false)?,
        }
        Ok(16)
    }

    fn take(&mut self) -> ArrayRef {
        match self {
            Self::Text(values) => Arc::new(values.finish()),
            Self::Integer(values) => Arc::new(values.finish()),
            Self::Unsigned(values) => Arc::new(values.finish()),
            Self::Texts(values) => Arc::new(values.finish()),
            Self::Map(values) => Arc::new(values.finish()),
        }
    }
}

/// A value of a field as the text in a map: a text as it is, all else as JSON writes it.
fn text_of(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

const DECIMAL: DataType = DataType::Decimal128(20, 0);
const VERSION_KEY: &str = "inspect.export";
/// Parquet's name for what is between a map and its keys and values.
const ENTRIES: &str = "key_value";

/// Parquet's name for what is in a list.
fn element() -> Field {
    Field::new("element", DataType::Utf8, false)
}

/// The schema of some of the columns.
fn schema(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|column| {
        let data_type = match column.column_type {
            ColumnType::Text | ColumnType::Json => DataType::Utf8,
            ColumnType::Integer => DataType::Int64,
            ColumnType::Unsigned | ColumnType::Address => DECIMAL,
            ColumnType::Texts => DataType::List(Arc::new(element())),
            ColumnType::Map => {
                let key = Field::new("key", DataType::Utf8, false);
                let value = Field::new("value", DataType::Utf8, true);
                let entry = DataType::Struct(vec![key, value].into());
                DataType::Map(Arc::new(Field::new(ENTRIES, entry, false)), false)
            }
        };
        Field::new(column.name, data_type, column.is_nullable)
    });
    let fields: Vec<Field> = fields.collect();
    let version = Metadata::from([(VERSION_KEY, VERSION.to_string())]);
    Arc::new(Schema::new(fields).with_metadata(version))
}

fn of_arrow(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}

fn of_parquet(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
