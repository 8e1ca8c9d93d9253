#![no_main]

libfuzzer_sys::fuzz_target!(|input: properties::cursor::Input| input.check());
