// Questions to a file of word vectors: the commands of the program word_vectors that answer with words and cosines.
#pragma once

#include <string>
#include <vector>

namespace roux::apps {

/// `closest FILE WORD...`: the words closest to each word.
int closest_main(int argc, char** argv);
/// `analogy FILE king - man + woman`: the words closest to a sum.
int analogy_main(int argc, char** argv);
/// `odd FILE WORD...`: the word that does not belong to the others.
int odd_main(int argc, char** argv);
/// `similarity FILE WORD...`: the cosines of all pairs.
int similarity_main(int argc, char** argv);

/// A sum of words as people write it.
struct WordSum {
  std::vector<std::string> positive, negative;
};

/// Reads `king - man + woman`, an argument each (words may then hold spaces) or all in one; a sign may stand in front.
/// Throws when two words follow each other, or two signs, or the last word is missing.
WordSum word_sum(const std::vector<std::string>& arguments);

}  // namespace roux::apps
