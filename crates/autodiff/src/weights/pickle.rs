//! The pickle of a state dict, read without running any of it.
//!
//! A pickle is a program for a stack machine. The opcodes that `torch.save` needs for dictionaries of tensors are carried
//! out over values of this file; a global is a word out of a short list, never an import. Anything else is refused.
//! Containers lie in one list and values refer to them by position, so that no nesting is deep enough to matter.

use std::collections::HashMap;
use std::rc::Rc;

use super::view::Kind;

/// What a pickle says of one tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub(super) kind: Kind,
    /// Name of the storage in the archive.
    pub(super) key: String,
    /// Numbers before the first.
    pub(super) offset: usize,
    pub(super) dims: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Keys under which training programs put the weights beside other things, and how deep they nest them.
const WRAPPERS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// The tensors that the pickled dictionary names; what else it holds is left out.
pub(super) fn tensors(pickle: &[u8]) -> Result<Vec<(String, Described)>, String> {
    let mut machine = Machine { input: pickle, stack: Vec::new(), memo: HashMap::new(), held: Vec::new() };
    let mut root = machine.run()?;
    for _ in 0..=WRAPPERS.len() {
        let Value::Held(at) = root else { break };
        let Some(Held::Dict(entries)) = machine.held.get(at) else { break };
        let named = entries.iter().filter_map(|(key, value)| match (key, value) {
            (Value::Text(key), Value::Held(at)) => Some((&**key, *at)),
            _ => None,
        });
        let named: Vec<(&str, usize)> = named.collect();
        let tensor = |&(key, at): &(&str, usize)| match machine.held.get(at) {
            Some(Held::Tensor(described)) => Some((key.to_owned(), described.clone())),
            _ => None,
        };
        let found: Vec<(String, Described)> = named.iter().filter_map(tensor).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let inner = WRAPPERS.iter().find_map(|wrapper| named.iter().find(|(key, _)| key == wrapper));
        let Some(&(_, at)) = inner else { break };
        root = Value::Held(at);
    }
    Err("it holds no dictionary of tensors; write one with torch.save(model.state_dict(), FILE)".into())
}

/// A value on the stack.
#[derive(Debug, Clone)]
enum Value {
    None,
    Bool,
    Int(i64),
    Float,
    Text(Rc<str>),
    Global(Global),
    /// Position in [`Machine::held`].
    Held(usize),
    Mark,
}

/// What is too large for the stack.
#[derive(Debug)]
enum Held {
    Tuple(Vec<Value>),
    List,
    Dict(Vec<(Value, Value)>),
    Storage { kind: Kind, key: String },
    Tensor(Described),
}

/// The globals that state dicts name.
#[derive(Debug, Clone, Copy)]
enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Kind),
}

impl Global {
    fn named(module: &str, name: &str) -> Result<Self, String> {
        let storage = |kind| Ok(Self::Storage(kind));
        match (module, name) {
            ("collections", "OrderedDict") => Ok(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Ok(Self::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Ok(Self::RebuildParameter),
            ("torch", "FloatStorage") => storage(Kind::F32),
            ("torch", "DoubleStorage") => storage(Kind::F64),
            ("torch", "HalfStorage") => storage(Kind::F16),
            ("torch", "BFloat16Storage") => storage(Kind::Bf16),
            ("torch", "LongStorage") => storage(Kind::Other(8)),
            ("torch", "IntStorage") => storage(Kind::Other(4)),
            ("torch", "ShortStorage") => storage(Kind::Other(2)),
            ("torch", "CharStorage" | "ByteStorage" | "BoolStorage") => storage(Kind::Other(1)),
            _ => Err(format!(
                "it asks for '{}.{}', which no state dict needs and which is never run; \
                 write the weights alone with torch.save(model.state_dict(), FILE)",
                module.escape_debug(),
                name.escape_debug()
            )),
        }
    }
}

struct Machine<'a> {
    input: &'a [u8],
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
    held: Vec<Held>,
}

impl Machine<'_> {
    /// Carries out opcodes until one says stop; what is then on top is the pickled object.
    fn run(&mut self) -> Result<Value, String> {
        loop {
            let opcode = self.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            if !self.constant(opcode)? && !self.memory(opcode)? && !self.container(opcode)? {
                return Err(format!(
                    "its pickle uses opcode 0x{opcode:02x}, which state dicts do not need; write it again with \
                     torch.save(model.state_dict(), FILE)"
                ));
            }
        }
    }

    /// Opcodes that push what the pickle spells out.
    fn constant(&mut self, opcode: u8) -> Result<bool, String> {
        let value = match opcode {
            // The protocol's number; the opcodes say the rest.
            0x80 => return self.byte().map(|_| true),
            b'(' => Value::Mark,
            b'N' => Value::None,
            0x88 | 0x89 => Value::Bool,
            b'K' => Value::Int(self.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            0x8a => self.long()?,
            b'G' => self.take(8).map(|_| Value::Float)?,
            b'X' => {
                let length = u32::from_le_bytes(self.array()?) as usize;
                Value::Text(
                    std::str::from_utf8(self.take(length)?)
                        .map_err(|_| "its pickle has a text that is not UTF-8")?
                        .into(),
                )
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                Value::Global(Global::named(&module, &name)?)
            }
            _ => return Ok(false),
        };
        self.stack.push(value);
        Ok(true)
    }

    /// Opcodes that note the top of the stack, or push what was noted.
    fn memory(&mut self, opcode: u8) -> Result<bool, String> {
        let slot = match opcode {
            b'q' | b'h' => self.byte()?.into(),
            b'r' | b'j' => u32::from_le_bytes(self.array()?),
            _ => return Ok(false),
        };
        match opcode {
            b'q' | b'r' => {
                let top = self.stack.last().cloned().ok_or_else(damaged)?;
                self.memo.insert(slot, top);
            }
            _ => self.stack.push(self.memo.get(&slot).cloned().ok_or_else(damaged)?),
        }
        Ok(true)
    }

    /// Opcodes that make containers, fill them, and make tensors.
    fn container(&mut self, opcode: u8) -> Result<bool, String> {
        match opcode {
            b'}' => self.hold(Held::Dict(Vec::new())),
            b']' => self.hold(Held::List),
            b')' => self.hold(Held::Tuple(Vec::new())),
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(opcode - 0x84)).ok_or_else(damaged)?;
                let values = self.stack.split_off(from);
                self.hold(Held::Tuple(values));
            }
            b't' => {
                let values = self.since_mark()?;
                self.hold(Held::Tuple(values));
            }
            // What a list holds is never asked for.
            b'a' => drop(self.pop()?),
            b'e' => drop(self.since_mark()?),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.dict()?.push((key, value));
            }
            b'u' => {
                let mut values = self.since_mark()?.into_iter();
                let dict = self.dict()?;
                while let (Some(key), Some(value)) = (values.next(), values.next()) {
                    dict.push((key, value));
                }
            }
            // Attributes of an OrderedDict: torch notes the versions of modules there.
            b'b' => {
                self.pop()?;
                self.dict()?;
            }
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A storage out of its persistent id: ("storage", type, key, device, count).
    fn storage(&mut self) -> Result<(), String> {
        let id = self.tuple()?;
        let [Value::Text(word), Value::Global(Global::Storage(kind)), Value::Text(key), ..] = id.as_slice() else {
            return Err(damaged());
        };
        if &**word != "storage" {
            return Err(damaged());
        }
        let storage = Held::Storage { kind: *kind, key: key.to_string() };
        self.hold(storage);
        Ok(())
    }

    /// What the globals that can be called give.
    fn call(&mut self) -> Result<(), String> {
        let arguments = self.tuple()?;
        let Value::Global(global) = self.pop()? else { return Err(damaged()) };
        match (global, arguments.as_slice()) {
            (Global::OrderedDict, []) => self.hold(Held::Dict(Vec::new())),
            (Global::RebuildParameter, [tensor @ Value::Held(_), ..]) => self.stack.push(tensor.clone()),
            (Global::RebuildTensor, [Value::Held(storage), Value::Int(offset), dims, strides, ..]) => {
                let Some(Held::Storage { kind, key }) = self.held.get(*storage) else { return Err(damaged()) };
                let (kind, key) = (*kind, key.clone());
                let offset = usize::try_from(*offset).map_err(|_| damaged())?;
                let (dims, strides) = (self.sizes(dims)?, self.sizes(strides)?);
                self.hold(Held::Tensor(Described { kind, key, offset, dims, strides }));
            }
            _ => return Err(damaged()),
        }
        Ok(())
    }

    /// A tuple of sizes, none negative.
    fn sizes(&self, value: &Value) -> Result<Vec<usize>, String> {
        let Value::Held(at) = value else { return Err(damaged()) };
        let Some(Held::Tuple(values)) = self.held.get(*at) else { return Err(damaged()) };
        let size = |value: &Value| match value {
            Value::Int(size) => usize::try_from(*size).map_err(|_| damaged()),
            _ => Err(damaged()),
        };
        values.iter().map(size).collect()
    }

    fn hold(&mut self, held: Held) {
        self.stack.push(Value::Held(self.held.len()));
        self.held.push(held);
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(damaged)
    }

    /// Takes a tuple from the stack.
    fn tuple(&mut self) -> Result<Vec<Value>, String> {
        match self.pop()? {
            Value::Held(at) => match self.held.get(at) {
                Some(Held::Tuple(values)) => Ok(values.clone()),
                _ => Err(damaged()),
            },
            _ => Err(damaged()),
        }
    }

    /// The dictionary on top of the stack, which stays there.
    fn dict(&mut self) -> Result<&mut Vec<(Value, Value)>, String> {
        let Some(Value::Held(at)) = self.stack.last() else { return Err(damaged()) };
        match self.held.get_mut(*at) {
            Some(Held::Dict(entries)) => Ok(entries),
            _ => Err(damaged()),
        }
    }

    /// Takes what was pushed since the last mark, and the mark.
    fn since_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark)).ok_or_else(damaged)?;
        let values = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(values)
    }

    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let (taken, rest) = self.input.split_at_checked(count).ok_or_else(damaged)?;
        self.input = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| damaged())
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Text up to the next line feed.
    fn line(&mut self) -> Result<String, String> {
        let length = self.input.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
        let line = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.byte()?;
        Ok(line)
    }

    /// A whole number of up to eight bytes, little-endian, the last one signed.
    fn long(&mut self) -> Result<Value, String> {
        let length = usize::from(self.byte()?);
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
        let mut whole = [if negative { 0xff } else { 0 }; 8];
        whole.get_mut(..length).ok_or_else(damaged)?.copy_from_slice(bytes);
        Ok(Value::Int(i64::from_le_bytes(whole)))
    }
}

fn damaged() -> String {
    "its pickle is damaged or of another kind than torch.save writes for a state dict".into()
}
