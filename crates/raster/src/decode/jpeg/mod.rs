//! Sequential JPEG as TIFF stores it: abbreviated streams whose tables are in the directory (ITU-T T.81, TIFF Technical Note 2).
//!
//! The inverse transform and colour conversion are libjpeg's integer ones, and chrominance is brought to size within the
//! transform, as libjpeg 8 and later do. Pixels equal those of GDAL with that library; libjpeg-turbo interpolates chrominance,
//! which differs by a few counts.

mod frame;
mod huffman;
mod idct;
mod upsample;

use super::{Reason, Shape};
use crate::header::Level;
use frame::{Component, Frame};
use huffman::{Bits, Huffman};

/// Tables that streams refer to, and what the frame header says.
#[derive(Default)]
struct Decoder {
    quantization: [Option<[u16; 64]>; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    restart_interval: usize,
    frame: Option<Frame>,
}

/// Appends the block's bytes, bands interleaved.
pub(super) fn decompress(level: &Level, shape: Shape, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let mut decoder = Decoder::default();
    if let Some(tables) = &level.jpeg_tables {
        decoder.read(tables, shape)?;
    }
    decoder.read(bytes, shape)?;
    let frame = decoder.frame.ok_or("it holds no frame")?;
    let planes: Vec<Vec<u8>> =
        frame.components.iter().map(|component| upsample::to_full_size(component, &frame)).collect();
    upsample::interleave(&planes, frame.width, shape.rows, level.is_ycbcr && shape.bands == 3, out);
    Ok(())
}

impl Decoder {
    /// Reads markers and scans until the end of the stream.
    fn read(&mut self, bytes: &[u8], shape: Shape) -> Result<(), Reason> {
        let mut rest = bytes;
        loop {
            let Some(start) = rest.iter().position(|byte| *byte == 0xff) else { return Ok(()) };
            rest = &rest[start + 1..];
            let Some((marker, after)) = rest.split_first() else { return Ok(()) };
            match marker {
                // Fill bytes, stuffing, restarts and the start of the image have no segment.
                0xff => continue,
                0x00 | 0x01 | 0xd0..=0xd8 => {
                    rest = after;
                    continue;
                }
                0xd9 => return Ok(()),
                _ => {}
            }
            let len = match after {
                [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
                _ => return Err("it ends within a marker".to_owned()),
            };
            let segment = after.get(2..len).ok_or("it ends within a segment")?;
            rest = &after[len..];
            match marker {
                0xdb => self.quantization_tables(segment)?,
                0xc4 => self.huffman_tables(segment)?,
                0xdd => self.restart_interval = usize::from(word(segment, 0)?),
                0xc0 | 0xc1 => self.frame = Some(Frame::new(segment, shape)?),
                0xc2 => return Err("progressive JPEG is not supported".to_owned()),
                0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    return Err(format!("JPEG of kind {marker:#x} is not supported"));
                }
                0xda => rest = self.scan(segment, rest)?,
                _ => {}
            }
        }
    }

    fn quantization_tables(&mut self, mut segment: &[u8]) -> Result<(), Reason> {
        while let Some((head, rest)) = segment.split_first() {
            let width = if head >> 4 == 0 { 1 } else { 2 };
            let values = rest.get(..64 * width).ok_or("a quantization table is cut short")?;
            let mut table = [0u16; 64];
            for (i, value) in values.chunks_exact(width).enumerate() {
                table[idct::ZIGZAG[i]] = value.iter().fold(0, |acc, byte| (acc << 8) | u16::from(*byte));
            }
            *self.quantization.get_mut(usize::from(head & 15)).ok_or("a quantization table has no place")? =
                Some(table);
            segment = &rest[64 * width..];
        }
        Ok(())
    }

    fn huffman_tables(&mut self, mut segment: &[u8]) -> Result<(), Reason> {
        while let Some((head, rest)) = segment.split_first() {
            let counts = rest.get(..16).ok_or("a Huffman table is cut short")?;
            let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let symbols = rest.get(16..16 + total).ok_or("a Huffman table is cut short")?;
            let tables = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let place = tables.get_mut(usize::from(head & 15)).ok_or("a Huffman table has no place")?;
            *place = Some(Huffman::new(counts, symbols)?);
            segment = &rest[16 + total..];
        }
        Ok(())
    }

    /// Decodes one scan and returns what follows it.
    fn scan<'a>(&mut self, header: &[u8], data: &'a [u8]) -> Result<&'a [u8], Reason> {
        let frame = self.frame.as_mut().ok_or("a scan comes before its frame")?;
        let count = usize::from(*header.first().ok_or("a scan has no header")?);
        let parts = header.get(1..1 + 2 * count).ok_or("a scan's header is cut short")?;
        let mut members = Vec::with_capacity(count);
        for part in parts.chunks_exact(2) {
            let index =
                frame.components.iter().position(|c| c.id == part[0]).ok_or("a scan has an unknown component")?;
            let missing = || "a scan uses a table that is not there".to_owned();
            let component = &frame.components[index];
            members.push(Member {
                index,
                dc: self.dc.get(usize::from(part[1] >> 4)).and_then(Option::as_ref).ok_or_else(missing)?,
                ac: self.ac.get(usize::from(part[1] & 15)).and_then(Option::as_ref).ok_or_else(missing)?,
                quantization: self.quantization.get(component.table).and_then(Option::as_ref).ok_or_else(missing)?,
                previous_dc: 0,
            });
        }
        let mut bits = Bits::new(data);
        let (across, down) = frame.units(&members.iter().map(|member| member.index).collect::<Vec<_>>());
        for unit in 0..across * down {
            if self.restart_interval > 0 && unit > 0 && unit % self.restart_interval == 0 {
                bits.restart()?;
                members.iter_mut().for_each(|member| member.previous_dc = 0);
            }
            let is_single = members.len() == 1;
            for member in &mut members {
                member.unit(&mut frame.components[member.index], &mut bits, unit % across, unit / across, is_single)?;
            }
        }
        Ok(bits.rest())
    }
}

/// A component's part in a scan.
struct Member<'a> {
    index: usize,
    dc: &'a Huffman,
    ac: &'a Huffman,
    quantization: &'a [u16; 64],
    previous_dc: i32,
}

impl Member<'_> {
    /// Decodes this component's blocks of one unit: one block where it is alone in its scan, else h by v.
    fn unit(
        &mut self,
        component: &mut Component,
        bits: &mut Bits<'_>,
        col: usize,
        row: usize,
        is_single: bool,
    ) -> Result<(), Reason> {
        let (h, v) = if is_single { (1, 1) } else { (component.h, component.v) };
        for y in 0..v {
            for x in 0..h {
                let mut block = [0i32; 64];
                self.block(bits, &mut block)?;
                let (is_wide, is_high) = (component.x_scale == 2, component.y_scale == 2);
                idct::inverse(&block, is_wide, is_high, component.block_mut(col * h + x, row * v + y));
            }
        }
        Ok(())
    }

    fn block(&mut self, bits: &mut Bits<'_>, block: &mut [i32; 64]) -> Result<(), Reason> {
        let size = self.dc.next(bits)?;
        self.previous_dc = self.previous_dc.wrapping_add(bits.signed(size)?);
        block[0] = self.previous_dc.wrapping_mul(i32::from(self.quantization[0]));
        let mut at = 1;
        while at < 64 {
            let symbol = self.ac.next(bits)?;
            let (run, size) = (usize::from(symbol >> 4), symbol & 15);
            if size == 0 {
                if run < 15 {
                    break;
                }
                at += 16;
                continue;
            }
            at += run;
            let place = *idct::ZIGZAG.get(at).ok_or("a block has too many coefficients")?;
            block[place] = bits.signed(size)?.wrapping_mul(i32::from(self.quantization[place]));
            at += 1;
        }
        Ok(())
    }
}

fn word(bytes: &[u8], at: usize) -> Result<u16, Reason> {
    match bytes.get(at..at + 2) {
        Some([high, low]) => Ok(u16::from_be_bytes([*high, *low])),
        _ => Err("a segment is cut short".to_owned()),
    }
}
