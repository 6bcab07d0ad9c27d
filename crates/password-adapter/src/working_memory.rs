use std::sync::{Mutex, PoisonError};

use argon2::Block;

/// The memory of the hashes, kept for as long as a request waits for it, and then given back to the system.
///
/// Without this each hash takes its megabytes from the allocator, which keeps them for every thread that has
/// ever hashed.
#[derive(Default)]
pub(crate) struct WorkingMemory(Mutex<Vec<Vec<Block>>>);

/// The room of each piece in bytes, at the least: the allocator of glibc gives back at once what is larger
/// than 32 MiB, and keeps what is smaller once it has seen such a size. Room that is never written to costs
/// nothing.
const ROOM: usize = 33 * 1024 * 1024;

impl WorkingMemory {
    /// Takes a piece of so many blocks.
    pub(crate) fn take(&self, blocks: usize) -> Vec<Block> {
        let mut memory = self.idle().pop().unwrap_or_default();
        if memory.capacity() < blocks {
            memory = Vec::with_capacity(blocks.max(ROOM / Block::SIZE));
        }
        memory.resize(blocks, Block::default());
        memory
    }

    /// Keeps it for the next one.
    pub(crate) fn put_back(&self, memory: Vec<Block>) {
        self.idle().push(memory);
    }

    /// Gives back all memory that is not in use.
    pub(crate) fn give_back(&self) {
        self.idle().clear();
    }

    /// The pieces that are not in use.
    pub(crate) fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_put_back_is_used_again_until_it_is_given_back() {
        let memory = WorkingMemory::default();
        let piece = memory.take(64);
        assert_eq!(piece.len(), 64);
        assert!(piece.capacity() * Block::SIZE >= ROOM);
        let address = piece.as_ptr();
        memory.put_back(piece);
        let again = memory.take(32);
        assert_eq!((again.as_ptr(), again.len()), (address, 32));

        memory.put_back(again);
        assert_eq!(memory.idle().len(), 1);
        memory.give_back();
        assert_eq!(memory.idle().len(), 0);
    }
}
