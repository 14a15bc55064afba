// SPDX-License-Identifier: BSL-1.0
//
// Layer 8 – the lab; not in eap.hpp. The way that a run took, as text.
#ifndef EAP_TESTING_SCHEDULE_TEXT_HPP
#define EAP_TESTING_SCHEDULE_TEXT_HPP

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace eap::testing::detail {

/// The choices of a run as text: "3:1 12:2" is three usual ones, then way 1, twelve usual ones, then way 2; then usual ones.
class schedule_text {
  public:
    void add(std::size_t way) {
        if (way == 0) {
            ++usual_;
            return;
        }
        if (!text_.empty())
            text_ += ' ';
        text_ += std::to_string(std::exchange(usual_, 0)) + ':' + std::to_string(way);
    }
    const std::string& text() const noexcept { return text_; }

    static std::vector<std::size_t> parse(const std::string& text) {
        std::vector<std::size_t> ways;
        std::size_t at = 0;
        const auto number = [&] {
            const std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
            if (end == at || end - at > 6)
                throw std::invalid_argument{"eap: \"" + text +
                                            "\" is not a schedule; give one that a failure has printed"};
            const std::size_t value = std::stoul(text.substr(at, end - at));
            at = end;
            return value;
        };
        const auto skip = [&](char wanted) {
            if (at == text.size() || text[at] != wanted)
                throw std::invalid_argument{"eap: \"" + text +
                                            "\" is not a schedule; give one that a failure has printed"};
            ++at;
        };
        while (at != text.size()) {
            if (at != 0)
                skip(' ');
            ways.resize(ways.size() + number(), 0);
            skip(':');
            ways.push_back(number());
        }
        return ways;
    }

  private:
    std::string text_;
    std::size_t usual_ = 0;
};

} // namespace eap::testing::detail

#endif
