#![no_main]

libfuzzer_sys::fuzz_target!(|input: shared_fuzz::authorization::Input| input.check());
