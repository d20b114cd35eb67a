//! Counts the objects that walks through whole stores meet: what tests hold the judgement of one target to.

use std::cell::Cell;

thread_local! {
    static STEPS: Cell<usize> = const { Cell::new(0) };
}

/// Notes that a walk through a store has come to one more object.
pub(super) fn step() {
    STEPS.with(|steps| steps.set(steps.get() + 1));
}

/// How many objects `work` met on such walks.
pub fn steps_of(work: impl FnOnce()) -> usize {
    let before = STEPS.with(Cell::get);
    work();
    STEPS.with(Cell::get) - before
}
