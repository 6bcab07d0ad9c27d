use std::sync::{Mutex, PoisonError};

use argon2::Block;

/// The memory that hashes are worked out in. It is kept for as long as somebody waits for it, and goes back to the system then.
///
/// Without this each hash takes its megabytes from the allocator, which keeps them for every thread that has ever hashed.
#[derive(Default)]
pub(crate) struct WorkingMemory(Mutex<Vec<Vec<Block>>>);

/// The room of each piece in bytes, at the least: the allocator of glibc gives back at once what is larger than 32 MiB, and keeps
/// what is smaller once it has seen such a size. Room that is never written to costs nothing.
const ROOM: usize = 33 * 1024 * 1024;

impl WorkingMemory {
    /// A piece of so many blocks.
    pub(crate) fn take(&self, blocks: usize) -> Vec<Block> {
        let mut memory = self.idle().pop().unwrap_or_default();
        if memory.capacity() < blocks {
            memory = Vec::with_capacity(blocks.max(ROOM / Block::SIZE));
        }
        memory.resize(blocks, Block::default());
        memory
    }

    /// Keeps it for the next one, if there is one, and otherwise nothing.
    pub(crate) fn put_back(&self, memory: Vec<Block>, is_waited_for: bool) {
        let mut idle = self.idle();
        if is_waited_for {
            idle.push(memory);
        } else {
            idle.clear();
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_used_again_and_the_rest_is_given_back() {
        let memory = WorkingMemory::default();
        let piece = memory.take(64);
        assert_eq!(piece.len(), 64);
        assert!(piece.capacity() * Block::SIZE >= ROOM);
        let address = piece.as_ptr();
        memory.put_back(piece, true);
        let again = memory.take(32);
        assert_eq!((again.as_ptr(), again.len()), (address, 32));

        let other = memory.take(8);
        memory.put_back(again, true);
        assert_eq!(memory.idle().len(), 1);
        memory.put_back(other, false);
        assert!(memory.idle().is_empty());
    }
}
