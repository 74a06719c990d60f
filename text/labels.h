// Labels: the names of classes and their ids, and the course's rule that labels a recipe by its ingredients.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/string_list.h"

namespace roux::text {

/// The order in which label names get their ids 0, 1, 2 ...: by value when every name is a number, else by bytes.
/// Equal names become one.
std::vector<std::string> sorted_labels(std::vector<std::string> names);

/// How the ingredient rule looks for its keywords.
enum class KeywordMatch {
  substring,   ///< anywhere, as the course does: "pear", "peach" and "peanut" hold "pea"
  whole_word,  ///< whole words, in singular or plural: "tomatoes", "cherries", "peaches"; "blueberries" is not "berry"
};

/// What the ingredient rule says of a recipe.
enum class IngredientLabel { fruit = 0, vegetable = 1, both, neither };

/// The course's rule: a recipe whose ingredients hold a keyword of fruit and none of vegetables is `fruit`, the reverse
/// `vegetable`. Upper and lower case are the same.
///
/// Fruit: apple banana orange strawberry grape mango pineapple peach pear cherry berry lemon lime melon.
/// Vegetable: carrot broccoli spinach potato tomato onion garlic pepper lettuce cucumber celery mushroom corn bean pea
/// cabbage asparagus.
IngredientLabel label_by_ingredients(std::string_view ingredients, KeywordMatch match);

/// The names of `IngredientLabel::fruit` and `vegetable`, in the order of their ids.
inline constexpr std::string_view ingredient_label_names[] = {"fruit", "vegetable"};

}  // namespace roux::text
