//! What every peer does around its work: passes timed by the thread's own clock, and a line of JSON.

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

const CLOCK_THREAD_CPUTIME_ID: i32 = 3;

/// The processor time of this thread, in nanoseconds.
pub fn thread_time() -> u64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the structure is Linux's for 64 bits, and lives as long as the call.
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.seconds as u64 * 1_000_000_000 + time.nanoseconds as u64
}

/// What passes took.
pub struct Passes {
    /// The first, in nanoseconds.
    pub cold: u64,
    /// The fastest of the others.
    pub warm: u64,
}

/// Runs a pass once cold and `count` times warm.
pub fn passes(count: u32, mut pass: impl FnMut()) -> Passes {
    let mut time = || {
        let start = thread_time();
        pass();
        thread_time() - start
    };
    let cold = time();
    Passes { cold, warm: (0..count).map(|_| time()).min().unwrap_or(cold) }
}

/// FNV-1a over words.
pub struct Hash(u64);

impl Hash {
    pub fn new() -> Hash {
        Hash(0xcbf2_9ce4_8422_2325)
    }

    #[inline]
    pub fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x100_0000_01b3);
    }
}

impl Default for Hash {
    fn default() -> Hash {
        Hash::new()
    }
}

/// Prints what was measured; `count` is of frames or rows, as `unit` says, and `setup` in nanoseconds.
pub fn report(peer: &str, version: &str, unit: &str, count: u64, setup: u64, passes: &Passes, hash: &Hash) {
    let each = |time: u64| time as f64 / count as f64;
    println!(
        "{{\"peer\":\"{peer}\",\"version\":\"{version}\",\"unit\":\"{unit}\",\"count\":{count},\"setup\":{setup},\
         \"cold\":{:.2},\"warm\":{:.2},\"hash\":\"{:016x}\"}}",
        each(passes.cold),
        each(passes.warm),
        hash.0
    );
}
