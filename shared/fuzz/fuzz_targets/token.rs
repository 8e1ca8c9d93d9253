#![no_main]

libfuzzer_sys::fuzz_target!(|input: shared_fuzz::token::Input| input.check());
