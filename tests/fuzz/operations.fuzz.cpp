// SPDX-License-Identifier: BSL-1.0
//
// Any calls, from any threads, in any order and schedule: a fuzzer chooses them, and the guarantees hold all the same.
//
// With libFuzzer (clang++ -fsanitize=fuzzer,address,undefined) it looks for a script that breaks one of them; with
// -DEAP_FUZZ_STANDALONE, and any compiler, the program replays files, and all files of folders, given as arguments;
// after --tell it also prints each script in words.
#include <eap/testing/simulation.hpp>

#include "fuzz/script.hpp"
#include "fuzz/world.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

namespace {

const fuzz::script* played = nullptr;
const fuzz::world* of_it = nullptr;

/// What was going on; for whoever has to mend it.
void tell() {
    if (played == nullptr)
        return;
    std::cerr << "\nthe script:\n" << played->in_words() << "begun, in this order:";
    for (const std::size_t each : of_it->begun())
        std::cerr << "\n  " << words(played->actions().at(each));
    std::cerr << '\n';
}

[[noreturn]] void fail() {
    tell();
    std::abort();
}

void play(std::span<const std::uint8_t> bytes) {
    static eap::testing::detail::thread_cache threads;
    static const bool tells_at_the_end = (std::set_terminate(fail), true);
    static_cast<void>(tells_at_the_end);

    const fuzz::script script{bytes};
    fuzz::schedule schedule{script};
    fuzz::world world{script};
    played = &script;
    of_it = &world;
    eap::testing::simulation run{schedule,
                                 threads,
                                 {.processors = 2,
                                  .steps = 50'000,
                                  .deadlines_may_be_early = script.deadlines_may_be_early(),
                                  .patience = std::chrono::seconds{60}}};
    run.run([&world] { world.live(); });
    if (run.found()) {
        std::cerr << run.found()->what << '\n';
        fail();
    }
    for (const auto& each : world.breaches())
        std::cerr << "does not hold: " << each << '\n';
    if (!world.breaches().empty())
        fail();
    played = nullptr;
}

} // namespace

/// Called by the address sanitizer, when it is there, before it ends the program.
extern "C" void __asan_on_error() { tell(); } // NOLINT: the name is theirs

#ifndef EAP_FUZZ_STANDALONE

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) { // NOLINT: the name is theirs
    play({data, size});
    return 0;
}

#else

namespace {

void replay(const std::filesystem::path& file, bool tells) {
    std::ifstream in{file, std::ios::binary};
    if (!in) {
        std::cerr << "cannot read " << file << '\n';
        std::exit(2); // NOLINT: there are no threads yet, or none that matter
    }
    const std::vector<char> text{std::istreambuf_iterator<char>{in}, {}};
    const std::vector<std::uint8_t> bytes(text.begin(), text.end());
    if (tells)
        std::cout << file.string() << ": " << fuzz::script{bytes}.in_words() << '\n';
    play(bytes);
}

} // namespace

int main(int count, char** arguments) {
    bool tells = false;
    std::size_t replayed = 0;
    for (const std::string_view each : std::span{arguments, static_cast<std::size_t>(count)}.subspan(1)) {
        if (each == "--tell") {
            tells = true;
        } else if (std::filesystem::is_directory(each)) {
            for (const auto& file : std::filesystem::directory_iterator{each}) {
                replay(file.path(), tells);
                ++replayed;
            }
        } else {
            replay(each, tells);
            ++replayed;
        }
    }
    std::cout << replayed << " scripts replayed\n";
    return replayed != 0 ? EXIT_SUCCESS : 2; // a replay of nothing proves nothing
}

#endif
