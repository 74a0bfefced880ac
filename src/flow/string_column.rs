//! Builder of a text column: short texts inline in their views, long ones in the block, or as copies.

use arrow::array::StringViewArray;
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::error::ArrowError;

use crate::flow::null_mask::NullMask;
use crate::flow::tokenizer::FieldBytes;

/// Longest text that an Arrow view stores inline.
const INLINE_MAX: usize = 12;

/// The block that lines are in now.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) bytes: Buffer,
    /// Counts blocks, so that a column knows whether it has the current block already.
    pub(super) number: u64,
}

/// The texts of a column, in views that are made without looking at the texts again.
#[derive(Debug)]
pub(super) struct StringColumn {
    views: Vec<u128>,
    long: LongStrings,
}

/// The positions of the long texts of a column.
#[derive(Debug)]
struct LongStrings {
    /// What they are in. The first one is for copies.
    buffers: Vec<Buffer>,
    copies: Vec<u8>,
    /// The view of the last copy.
    last: u128,
    /// The last block that a text is in, and where it is in `buffers`.
    block: Option<(u64, u32)>,
    is_too_large: bool,
}

impl StringColumn {
    /// Reserves room for that many rows.
    pub(super) fn with_capacity(rows: usize) -> Self {
        let long = LongStrings {
            buffers: vec![Buffer::from_vec(Vec::<u8>::new())],
            copies: Vec::new(),
            last: 0,
            block: None,
            is_too_large: false,
        };
        Self { views: Vec::with_capacity(rows), long }
    }

    /// Adds NULL, to `nulls` as well.
    #[inline]
    pub(super) fn push_null(&mut self, nulls: &mut NullMask) {
        nulls.add(self.views.len());
        self.views.push(0);
    }

    /// Adds texts: within their views if they are short, else where they are in the block, else as copies. Those
    /// that are NULL are added to `nulls`.
    #[inline]
    pub(super) fn extend<'w>(
        &mut self,
        words: impl Iterator<Item = FieldBytes<'w>>,
        is_null: impl Fn(FieldBytes<'w>) -> bool,
        nulls: &mut NullMask,
        block: Option<&Block>,
    ) {
        let Self { views, long } = self;
        let mut row = views.len();
        views.extend(words.map(|word| {
            row += 1;
            if is_null(word) {
                nulls.add(row - 1);
                return 0;
            }
            long.view(word, block)
        }));
    }

    /// Adds a text as a copy.
    pub(super) fn push_copy(&mut self, text: &str) {
        let view = self.long.view(FieldBytes::from(text), None);
        self.views.push(view);
    }

    /// Returns how many bytes were copied.
    pub(super) fn copied(&self) -> usize {
        self.long.copies.len()
    }

    /// Returns a column that contains one text in every row, once in memory.
    pub(super) fn repeated(text: &str, rows: usize) -> Result<StringViewArray, ArrowError> {
        let mut texts = Self::with_capacity(rows);
        let view = texts.long.view(FieldBytes::from(text), None);
        texts.views.resize(rows, view);
        texts.finish(NullMask::default())
    }

    /// Creates the column.
    pub(super) fn finish(self, nulls: NullMask) -> Result<StringViewArray, ArrowError> {
        let Self { views, long: LongStrings { mut buffers, copies, is_too_large, .. } } = self;
        if is_too_large {
            let reason = "more than 4 GB of text in one column of a batch";
            return Err(ArrowError::ComputeError(reason.to_owned()));
        }
        if let Some(first) = buffers.first_mut() {
            *first = Buffer::from_vec(copies);
        }
        let nulls = nulls.finish(views.len());
        let views = ScalarBuffer::from(views);
        // SAFETY: every view was built from a `FieldBytes`, which is UTF-8. Up to 12 bytes of it are in the view
        // itself, with zeros after them (`FieldBytes::head`); a longer one names the buffer and the offset of the
        // very same bytes, which a `Buffer` never changes: its place in a block was found by its own address, its
        // copy is in the first buffer, and the prefix is its first four bytes. NULL is the empty text, and there are
        // as many bits for it as views.
        #[expect(
            unsafe_code,
            reason = "checking each view again takes a third of the time of a query"
        )]
        let texts = unsafe { StringViewArray::new_unchecked(views, buffers, nulls) };
        Ok(texts)
    }
}

impl LongStrings {
    #[inline]
    fn view(&mut self, word: FieldBytes<'_>, block: Option<&Block>) -> u128 {
        let length = word.bytes().len();
        if length <= INLINE_MAX {
            return word.prefix16() << 32 | length as u128;
        }
        match block.and_then(|block| self.locate(word.bytes(), block)) {
            Some((buffer, offset)) => view(word, buffer, offset),
            None => self.copy(word),
        }
    }

    /// Returns where a text is in a block: the number of the buffer, and the offset there.
    #[inline]
    fn locate(&mut self, text: &[u8], block: &Block) -> Option<(u32, u32)> {
        let offset = text.as_ptr().addr().checked_sub(block.bytes.as_ptr().addr())?;
        if offset.checked_add(text.len())? > block.bytes.len() {
            return None;
        }
        let offset = u32::try_from(offset).ok()?;
        let buffer = match self.block {
            Some((number, buffer)) if number == block.number => buffer,
            _ => self.retain_block(block)?,
        };
        Some((buffer, offset))
    }

    /// Retains a block, and returns the number of its buffer.
    #[cold]
    fn retain_block(&mut self, block: &Block) -> Option<u32> {
        let buffer = u32::try_from(self.buffers.len()).ok()?;
        self.buffers.push(block.bytes.clone());
        self.block = Some((block.number, buffer));
        Some(buffer)
    }

    fn copy(&mut self, word: FieldBytes<'_>) -> u128 {
        let text = word.bytes();
        // Many records in a row name the same interface, subnet or VPC.
        let last = (self.last >> 96) as usize;
        if self.last as u32 as usize == text.len()
            && self.copies.get(last..last + text.len()) == Some(text)
        {
            return self.last;
        }
        let offset = self.copies.len();
        let (Ok(offset), Ok(_)) = (u32::try_from(offset), u32::try_from(offset + text.len()))
        else {
            self.is_too_large = true;
            return 0;
        };
        self.copies.extend_from_slice(text);
        self.last = view(word, 0, offset);
        self.last
    }
}

/// A column of texts of which most live as long as it is filled: the same one again is not copied again.
#[derive(Debug)]
pub struct DedupStringColumn<'t> {
    texts: StringColumn,
    nulls: NullMask,
    /// Texts of this column that were added lately, and their views, by position.
    known: Box<[(&'t str, u128); CACHE_SLOTS]>,
}

/// How many texts are remembered.
const CACHE_SLOTS: usize = 64;

impl<'t> DedupStringColumn<'t> {
    /// Reserves room for that many rows.
    pub fn with_capacity(rows: usize) -> Self {
        let (texts, nulls) = (StringColumn::with_capacity(rows), NullMask::default());
        Self { texts, nulls, known: Box::new([("", 0); CACHE_SLOTS]) }
    }

    /// Adds a text.
    #[inline]
    pub fn push(&mut self, text: &'t str) {
        let at = text.as_ptr().addr();
        let slot = self.known.get_mut((at >> 4 ^ at >> 10) % CACHE_SLOTS);
        // The empty text represents none.
        if let Some((known, view)) = &slot
            && std::ptr::eq(*known, text)
            && !text.is_empty()
        {
            return self.texts.views.push(*view);
        }
        let view = self.texts.long.view(FieldBytes::from(text), None);
        self.texts.views.push(view);
        if let Some(slot) = slot {
            *slot = (text, view);
        }
    }

    /// Adds a text that may be gone before the next one.
    pub fn push_copy(&mut self, text: &str) {
        self.texts.push_copy(text);
    }

    /// Adds NULL.
    #[inline]
    pub fn push_null(&mut self) {
        self.texts.push_null(&mut self.nulls);
    }

    /// Creates the column.
    pub fn finish(self) -> Result<StringViewArray, ArrowError> {
        self.texts.finish(self.nulls)
    }
}

/// The view of a long text.
fn view(word: FieldBytes<'_>, buffer: u32, offset: u32) -> u128 {
    let length_and_prefix = u128::from(word.prefix16() as u32) << 32 | word.bytes().len() as u128;
    u128::from(offset) << 96 | u128::from(buffer) << 64 | length_and_prefix
}
