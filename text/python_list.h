// Lists as Python prints them: the form of the list columns in Food.com's RAW_recipes.csv.
#pragma once

#include <optional>
#include <string_view>

#include "text/string_list.h"

namespace roux::text {

/// The strings of a Python list literal such as `['salt', "baker's yeast"]`; nothing when `text` is not a list of
/// string literals. Both quotes, white space, a trailing comma and the escapes of Python's `repr` and of JSON strings
/// (\\ \' \" \/ \a \b \f \n \r \t \v \xHH \uHHHH \UHHHHHHHH) are understood; string prefixes and octal escapes are not.
std::optional<StringList> parse_python_list(std::string_view text);

}  // namespace roux::text
