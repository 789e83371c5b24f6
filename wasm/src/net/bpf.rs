//! A classic BPF interpreter, for filter programs that libpcap compiled.

const MOST_INSTRUCTIONS: usize = 4096;
const INSTRUCTION_LENGTH: usize = 8;
const MEMORY_SLOTS: usize = 16;
/// Most instructions that are run for one frame; only a program that jumps back can run into it.
const MOST_STEPS: usize = 65_536;

/// A checked filter program: it stays within its instructions and memory, and ends in a return. Only unconditional jumps
/// may go back, as in libpcap's code for `protochain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    instructions: Vec<Instruction>,
}

/// libpcap's `struct bpf_insn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instruction {
    code: u16,
    jump_true: u8,
    jump_false: u8,
    k: u32,
}

/// Instruction codes: class, and size, operation or source (`pcap/bpf.h`).
mod code {
    pub const LD_W_ABS: u16 = 0x20;
    pub const LD_H_ABS: u16 = 0x28;
    pub const LD_B_ABS: u16 = 0x30;
    pub const LD_W_IND: u16 = 0x40;
    pub const LD_H_IND: u16 = 0x48;
    pub const LD_B_IND: u16 = 0x50;
    pub const LD_IMM: u16 = 0x00;
    pub const LD_MEM: u16 = 0x60;
    pub const LD_LEN: u16 = 0x80;
    pub const LDX_IMM: u16 = 0x01;
    pub const LDX_MEM: u16 = 0x61;
    pub const LDX_LEN: u16 = 0x81;
    pub const LDX_MSH: u16 = 0xb1;
    pub const ST: u16 = 0x02;
    pub const STX: u16 = 0x03;
    pub const ALU: u16 = 0x04;
    pub const ALU_NEG: u16 = 0x84;
    pub const JA: u16 = 0x05;
    pub const JMP: u16 = 0x05;
    pub const RET_K: u16 = 0x06;
    pub const RET_A: u16 = 0x16;
    pub const TAX: u16 = 0x07;
    pub const TXA: u16 = 0x87;
    /// The operand of an ALU or JMP instruction is X, not k.
    pub const SOURCE_X: u16 = 0x08;
    pub const ADD: u16 = 0x00;
    pub const SUB: u16 = 0x10;
    pub const MUL: u16 = 0x20;
    pub const DIV: u16 = 0x30;
    pub const OR: u16 = 0x40;
    pub const AND: u16 = 0x50;
    pub const LSH: u16 = 0x60;
    pub const RSH: u16 = 0x70;
    pub const MOD: u16 = 0x90;
    pub const XOR: u16 = 0xa0;
    pub const JEQ: u16 = 0x10;
    pub const JGT: u16 = 0x20;
    pub const JGE: u16 = 0x30;
    pub const JSET: u16 = 0x40;
    pub const CLASS: u16 = 0x07;
    pub const OPERATION: u16 = 0xf0;
}

impl Program {
    /// Reads a program as libpcap has it in memory: 8 bytes per instruction, little endian (`u16` code, `u8` jt, `u8` jf,
    /// `u32` k).
    ///
    /// # Errors
    ///
    /// The text says which instruction is at fault and why.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (instructions, []) = bytes.as_chunks::<INSTRUCTION_LENGTH>() else {
            return Err(format!("BPF program of {} bytes: not a multiple of 8", bytes.len()));
        };
        if !(1..=MOST_INSTRUCTIONS).contains(&instructions.len()) {
            return Err(format!("BPF program of {} instructions: must be 1 to 4096", instructions.len()));
        }
        let instructions: Vec<Instruction> = instructions
            .iter()
            .map(|&[c0, c1, jump_true, jump_false, k0, k1, k2, k3]| Instruction {
                code: u16::from_le_bytes([c0, c1]),
                jump_true,
                jump_false,
                k: u32::from_le_bytes([k0, k1, k2, k3]),
            })
            .collect();
        for (index, instruction) in instructions.iter().enumerate() {
            instruction
                .check(index, instructions.len() - index - 1)
                .map_err(|why| format!("BPF instruction {index} (code {:#04x}): {why}", instruction.code))?;
        }
        Ok(Self { instructions })
    }

    /// Whether the filter accepts a frame of which `frame` was captured, `original_length` bytes long on the network.
    /// A load beyond the captured bytes rejects, and so do a division by zero and a loop that does not end.
    pub fn accepts(&self, frame: &[u8], original_length: u32) -> bool {
        self.run(frame, original_length).unwrap_or(0) != 0
    }

    /// The bytes of the frame to keep; `None` if a load, a division or the way to a return fails.
    #[inline]
    fn run(&self, frame: &[u8], original_length: u32) -> Option<u32> {
        let (mut a, mut x) = (0u32, 0u32);
        let mut memory = [0u32; MEMORY_SLOTS];
        let mut at = 0usize;
        for _ in 0..MOST_STEPS {
            let &Instruction { code, jump_true, jump_false, k } = self.instructions.get(at)?;
            at += 1;
            match code {
                code::LD_W_ABS => a = word(frame, k)?,
                code::LD_H_ABS => a = half(frame, k)?,
                code::LD_B_ABS => a = byte(frame, k)?,
                code::LD_W_IND => a = word(frame, x.checked_add(k)?)?,
                code::LD_H_IND => a = half(frame, x.checked_add(k)?)?,
                code::LD_B_IND => a = byte(frame, x.checked_add(k)?)?,
                code::LDX_MSH => x = (byte(frame, k)? & 0xf) * 4,
                code::LD_IMM => a = k,
                code::LD_MEM => a = *memory.get(k as usize)?,
                code::LD_LEN => a = original_length,
                code::LDX_IMM => x = k,
                code::LDX_MEM => x = *memory.get(k as usize)?,
                code::LDX_LEN => x = original_length,
                code::ST => *memory.get_mut(k as usize)? = a,
                code::STX => *memory.get_mut(k as usize)? = x,
                code::RET_K => return Some(k),
                code::RET_A => return Some(a),
                code::TAX => x = a,
                code::TXA => a = x,
                code::JA => at = at.checked_add_signed(k as i32 as isize)?,
                code::ALU_NEG => a = a.wrapping_neg(),
                _ => {
                    let operand = if code & code::SOURCE_X == 0 { k } else { x };
                    if code & code::CLASS == code::ALU {
                        a = arithmetic(code & code::OPERATION, a, operand)?;
                    } else {
                        let jump =
                            if compare(code & code::OPERATION, a, operand) { jump_true } else { jump_false };
                        at += usize::from(jump);
                    }
                }
            }
        }
        None
    }
}

impl Instruction {
    /// `before` instructions come before this one, and `following` after it.
    fn check(&self, before: usize, following: usize) -> Result<(), &'static str> {
        let operation = self.code & code::OPERATION;
        let in_range = |jump: i32| {
            let target = (before + 1).checked_add_signed(jump as isize);
            let inside = target.is_some_and(|target| target <= before + following);
            if inside { Ok(()) } else { Err("jumps out of the program") }
        };
        match self.code {
            code::RET_K | code::RET_A => return Ok(()),
            code::JA => return in_range(self.k as i32),
            code::LD_W_ABS
            | code::LD_H_ABS
            | code::LD_B_ABS
            | code::LD_W_IND
            | code::LD_H_IND
            | code::LD_B_IND => {}
            code::LD_IMM
            | code::LD_LEN
            | code::LDX_IMM
            | code::LDX_LEN
            | code::LDX_MSH
            | code::TAX
            | code::TXA => {}
            code::LD_MEM | code::LDX_MEM | code::ST | code::STX => {
                if self.k as usize >= MEMORY_SLOTS {
                    return Err("no such memory slot");
                }
            }
            code::ALU_NEG => {}
            _ if self.code & !(code::OPERATION | code::SOURCE_X) == code::ALU && is_arithmetic(operation) => {
                let divides = matches!(operation, code::DIV | code::MOD);
                if divides && self.code & code::SOURCE_X == 0 && self.k == 0 {
                    return Err("divides by zero");
                }
            }
            _ if self.code & !(code::OPERATION | code::SOURCE_X) == code::JMP
                && (code::JEQ..=code::JSET).contains(&operation) =>
            {
                return in_range(i32::from(self.jump_true.max(self.jump_false)));
            }
            _ => return Err("unknown code"),
        }
        if following == 0 { Err("the program must end with a return") } else { Ok(()) }
    }
}

fn is_arithmetic(operation: u16) -> bool {
    operation <= code::RSH || matches!(operation, code::MOD | code::XOR)
}

/// `None` for a division by zero.
#[inline]
fn arithmetic(operation: u16, a: u32, operand: u32) -> Option<u32> {
    Some(match operation {
        code::ADD => a.wrapping_add(operand),
        code::SUB => a.wrapping_sub(operand),
        code::MUL => a.wrapping_mul(operand),
        code::DIV => a.checked_div(operand)?,
        code::MOD => a.checked_rem(operand)?,
        code::OR => a | operand,
        code::AND => a & operand,
        code::XOR => a ^ operand,
        code::LSH => a.checked_shl(operand).unwrap_or(0),
        _ => a.checked_shr(operand).unwrap_or(0),
    })
}

#[inline]
fn compare(operation: u16, a: u32, operand: u32) -> bool {
    match operation {
        code::JEQ => a == operand,
        code::JGT => a > operand,
        code::JGE => a >= operand,
        _ => a & operand != 0,
    }
}

#[inline]
fn word(frame: &[u8], at: u32) -> Option<u32> {
    Some(u32::from_be_bytes(*frame.get(at as usize..)?.first_chunk()?))
}

#[inline]
fn half(frame: &[u8], at: u32) -> Option<u32> {
    Some(u32::from(u16::from_be_bytes(*frame.get(at as usize..)?.first_chunk()?)))
}

#[inline]
fn byte(frame: &[u8], at: u32) -> Option<u32> {
    frame.get(at as usize).copied().map(u32::from)
}
