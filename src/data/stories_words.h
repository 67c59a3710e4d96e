/* SPDX-License-Identifier: MIT */
/*
 * The words of the built-in stories, for stories_grammar.c alone. After a "|" stand the pronouns of a name.
 */
#ifndef HEED_DATA_STORIES_WORDS_H
#define HEED_DATA_STORIES_WORDS_H

#include <stddef.h>

/* clang-format off */

/* ---- people ---------------------------------------------------------------------------------------------- */

static const char *const name[] = {
    "Bram", "Tul", "Wil", "Hes", "Mab", "Pip", "Fen", "Dor", "Lin", "Mos", "Ot", "Quil", "Ros", "Sor", "Tan",
    "Un", "Val", "Yol", "Yar", "Zeb", "Em", "Bas", "Cor", "Del", "Ed", "Flor", "Gus", "Zel", "Iv", "Jun",
    "Kit", "Jas", "Mel", "Nor", "Ol", "Per", "Rol", "Kel", "Tib", "Vin", NULL,
};

static const char *const end[] = {
    "ina|she|her|her", "old|he|him|his", "ella|she|her|her", "us|he|him|his", "etta|she|her|her",
    "by|he|him|his", "ibel|she|her|her", "win|he|him|his", "anne|she|her|her", "ric|he|him|his",
    "issa|she|her|her", "mund|he|him|his", "eva|she|her|her", "ley|he|him|his", "ula|she|her|her",
    "fred|he|him|his", NULL,
};

static const char *const kind[] = {
    "mouse", "rabbit", "hedgehog", "badger", "otter", "squirrel", "duckling", "kitten", "puppy", "lamb",
    "mole", "vole", "shrew", "weasel", "fawn", "piglet", "gosling", "tortoise", "dormouse", "sparrow", "pony",
    "chick", "beaver", "bear", "gopher", "lemming", "marmot", "polecat", "chinchilla", "wombat", "panther",
    "rat", NULL,
};

static const char *const title[] = {
    "Aunt|she|her|her", "Captain|he|him|his", "Granny|she|her|her", "Doctor|he|him|his", "Lady|she|her|her",
    "Uncle|he|him|his", "Madam|she|her|her", "Mister|he|him|his", "Mother|she|her|her", "Sir|he|him|his",
    NULL,
};

static const char *const sur[] = {
    "Thistle", "Puddle", "Brindle", "Crumb", "Whisker", "Pebble", "Button", "Marrow", "Bracken", "Fiddle",
    "Candle", "Duck", "Feather", "Kettle", "Lantern", "Mustard", "Nut", "Parsley", "Quince", "Ripple",
    "Saffron", "Velvet", "Gold", "Sugar", "Silver", "Clover", "Honey", "Moon", "Apple", "Winter", "Berry",
    "Tumble", NULL,
};

static const char *const tail[] = {
    "wick", "down", "ton", "worth", "bottom", "foot", "by", "field", "wood", "top", "nose", "hat", "berg",
    "ford", "well", "crumb", NULL,
};

static const char *const helper[] = {
    "fox", "heron", "goat", "hare", "crow", "frog", "swan", "donkey", "goose", "raven", "magpie", "stork",
    "ram", "turtle", "pigeon", "cat", "dog", "pelican", "rooster", "seal", "owl", "elk", "moose", "yak",
    "lynx", "vulture", "ostrich", "peacock", "robin", "toad", "tiger", "whale", NULL,
};

static const char *const beast[] = {
    "cow", "horse", "sheep", "hen", "duck", "pig", "bull", "camel", "deer", "wolf", "turkey", "zebra",
    "monkey", "gull", "parrot", "hamster", "walrus", "lion", "tiger", "panda", "llama", "buffalo", "giraffe",
    "penguin", NULL,
};

static const char *const creature[] = {
    "snail", "moth", "beetle", "cricket", "spider", "worm", "newt", "bat", "grasshopper", "toad", "wasp",
    "tick", "gnat", "lizard", "butterfly", "crab", "snake", "slug", "squid", "mosquito", "centipede", "hornet",
    "ferret", "mink", "lobster", "shrimp", "minnow", "trout", "finch", "robin", "thrush", "swallow", NULL,
};

static const char *const relative[] = {
    "mother", "father", "aunt", "uncle", "grandmother", "grandfather", "sister", "brother", "cousin",
    "teacher", "neighbour", "friend", "doctor", "dentist", "baker", "landlord", NULL,
};

/* ---- things ---------------------------------------------------------------------------------------------- */

static const char *const thing[] = {
    "kite", "drum", "lantern", "spoon", "ribbon", "button", "whistle", "boat", "scarf", "teapot", "bell",
    "key", "clock", "hat", "fiddle", "ladder", "cup", "basket", "wheel", "candle", "mirror", "map", "book",
    "crown", "comb", "marble", "flute", "blanket", "feather", "hammer", "needle", "pillow", "trumpet",
    "kettle", "puppet", "bucket", "wagon", "broom", "shoe", "globe", "violin", "saddle", "pencil", "parcel",
    "bonnet", "telescope", "purse", "rocket", NULL,
};

static const char *const goods[] = {
    "nails", "pebbles", "feathers", "buttons", "acorns", "mushrooms", "bottles", "cobwebs", "turnips",
    "onions", "coins", "shells", "berries", "walnuts", "carrots", "candles", "spoons", "beans", "marbles",
    "needles", "ribbons", "leaves", "keys", "biscuits", "plums", "apples", "petals", "ropes", "stamps",
    "bricks", "bells", "cherries", "pumpkins", "socks", "lanterns", "crumbs", "seeds", "radishes", "pancakes",
    "postcards", "hats", "boots", "gloves", "cups", "plates", "kettles", "melons", "peaches", "figs", "eggs",
    "roses", "tulips", "ladles", "mittens", "kites", "drums", "books", "maps", "pears", "thimbles", "crowns",
    "combs", "brooms", "radios", NULL,
};

static const char *const box[] = {
    "box", "chest", "cupboard", "barrel", "trunk", "basket", "sack", "drawer", "suitcase", "pocket", "jar",
    "cabinet", "bottle", "oven", "crate", "hamper", NULL,
};

static const char *const flavour[] = {
    "acorn", "honey", "barley", "plum", "onion", "carrot", "mushroom", "ginger", "nettle", "cherry", "lemon",
    "pepper", "chestnut", "turnip", "cinnamon", "apple", "berry", "pumpkin", "mint", "walnut", "clover",
    "parsnip", "treacle", "cabbage", "almond", "bean", "cheese", "date", "egg", "fennel", "grape", "leek",
    "melon", "oat", "pea", "quince", "rice", "seaweed", "potato", "hazelnut", NULL,
};

static const char *const dish[] = {
    "soup", "pie", "bread", "cake", "tea", "jam", "stew", "porridge", "pudding", "broth", "toast",
    "dumplings", "pancakes", "juice", "biscuits", "salad", "pastry", "sauce", "wine", "cream", "fritters",
    "crackers", "muffins", "noodles", NULL,
};

static const char *const meal[] = {
    "breakfast", "lunch", "supper", "dinner", "tea", NULL,
};

/* ---- places and times ------------------------------------------------------------------------------------ */

static const char *const place[] = {
    "bridge", "barn", "well", "mill", "hedge", "oak", "haystack", "pond", "wall", "gate", "stable", "chapel",
    "garden", "orchard", "cellar", "tower", "meadow", "stump", "fountain", "lighthouse", "bakery", "market",
    "ferry", "cottage", "woodpile", "beehive", "greenhouse", "schoolhouse", "harbour", "tavern", "library",
    "quarry", "hollow", "willow", "boathouse", "signpost", "henhouse", "chimney", "pier", "kitchen", "ditch",
    "nest", "castle", "bakehouse", "cave", "cliff", "pantry", "attic", "forge", "jetty", "shed", "burrow",
    "den", "puddle", "fence", "palace", "island", "maze", "bench", "statue", "lane", "river", "tent",
    "smithy", "brook", NULL,
};

static const char *const near[] = {
    "under", "behind", "beside", "near", "inside", "below", "beyond", "above", "by", "past", "outside",
    "opposite", "along", "across from", "atop", "against", NULL,
};

static const char *const Near[] = {
    "Under", "Behind", "Beside", "Near", "Inside", "Below", "Beyond", "Above", "By", "Past", "Outside",
    "Opposite", "Along", "Across from", "Atop", "Against", NULL,
};

static const char *const weather[] = {
    "windy", "foggy", "snowy", "rainy", "golden", "frosty", "misty", "bright", "cloudy", "stormy", "warm",
    "still", "grey", "drowsy", "silver", "cold", NULL,
};

static const char *const daypart[] = {
    "4: morning", "3: evening", "3: afternoon", "2: night", "2: day", "Sunday", NULL,
};

static const char *const time[] = {
    "midnight", "sunset", "dawn", "bedtime", "noon", "the moon rose", "the stars came out",
    "the rain stopped", "the candle burned low", "the snow melted", "the bell rang", "spring", NULL,
};

/* ---- what they are like ---------------------------------------------------------------------------------- */

static const char *const nature[] = {
    "small", "shy", "brave", "curious", "sleepy", "merry", "clumsy", "patient", "stubborn", "polite",
    "dreamy", "nosy", "hungry", "gentle", "bold", "tidy", "messy", "lonely", "cheerful", "careful", "plump",
    "quiet", "forgetful", "kindly", "proud", "clever", "silly", "fluffy", "grumpy", "thrifty", "jolly",
    "wise", "nervous", "noble", "daring", "dizzy", "fearless", "friendly", "graceful", "happy", "lazy",
    "lucky", "mighty", "modest", "playful", "puzzled", "rude", "tender", NULL,
};

static const char *const feeling[] = {
    "sad", "tired", "hungry", "cold", "thirsty", "gloomy", "worried", "lonely", "cross", "bored", "sleepy",
    "wet", "sore", "glum", "weary", "pale", "lost", "dizzy", "lazy", "fed up", "gruff", "homesick", "muddled",
    "quiet", NULL,
};

static const char *const look[] = {
    "red", "green", "yellow", "purple", "silver", "golden", "blue", "white", "brown", "striped", "spotted",
    "copper", "velvet", "wooden", "glass", "paper", "patched", "shiny", "crooked", "woollen", "painted",
    "pink", "grey", "leather", "tartan", "bronze", "knitted", "folding", "rusty", "giant", "musical", "curly",
    NULL,
};

static const char *const quality[] = {
    "rusty", "sticky", "shiny", "purple", "heavy", "mouldy", "tiny", "broken", "spotted", "yellow", "dusty",
    "frozen", "sweet", "wet", "crooked", "wooden", "golden", "bitter", "smooth", "round", "black", "useless",
    "green", "red", "silver", "lost", "old", "warm", "lumpy", "hollow", "stolen", "pretty", "blue", "white",
    "salty", "juicy", "crunchy", "dented", "fragile", "glittering", "painted", "perfect", "precious", "tasty",
    "sour", "ripe", "slimy", "magic", NULL,
};

static const char *const state[] = {
    "mossy", "crooked", "quiet", "broken", "tall", "narrow", "dusty", "sunny", "haunted", "hidden", "leafy",
    "ruined", "rusty", "secret", "shady", "silent", "steep", "stony", "thorny", "tumbledown", "windy",
    "forgotten", "gloomy", "creaky", "damp", "cosy", "lonely", "flooded", "foggy", "moonlit", "painted",
    "frozen", "grand", "deserted", "muddy", "weedy", "wobbly", "low", "wide", "round", "sleepy", "chilly",
    "gravelly", "shaky", "marshy", "spooky", "pointed", "sunken", "royal", "famous", "peaceful", "pebbly",
    "fragrant", "busy", "slippery", "sooty", "noisy", "hollow", "buried", "hilly", "grassy", "brambly",
    "draughty", "rickety", NULL,
};

static const char *const number[] = {
    "two", "three", "four", "five", "six", "seven", "nine", "ten", "eleven", "twelve", "twenty", "fifty",
    "eight", "thirty", "forty", "a hundred", NULL,
};

/* ---- what they do ---------------------------------------------------------------------------------------- */

static const char *const lost[] = {
    "lost", "dropped", "could not find", "mislaid", "missed", "forgot", NULL,
};

static const char *const gained[] = {
    "bought", "traded", "swapped", "sold", NULL,
};

static const char *const task[] = {
    "paint", "count", "carry", "mend", "cook", "wash", "polish", "sort", "find", "sell", "weigh", "dry",
    "pack", "stir", "hide", "plant", "wrap", "guard", "roast", "eat", NULL,
};

static const char *const looked[] = {
    "looked", "peeped", "searched", "hunted", "dug", "rummaged", "sniffed", "poked", "peered", "felt",
    "crept", "scratched", "tiptoed", "clambered", "stumbled", "wriggled", NULL,
};

static const char *const went[] = {
    "went", "walked", "ran", "hopped", "hurried", "trotted", "wandered", "marched", "skipped", "tiptoed",
    "rowed", "strolled", NULL,
};

static const char *const busy[] = {
    "5: <doing> <goods>", "singing", "yawning", "humming", "dancing", "snoring", NULL,
};

static const char *const doing[] = {
    "counting", "polishing", "sorting", "painting", "stacking", "eating", "drying", "selling", "peeling",
    "washing", "weighing", "packing", "juggling", "burying", "roasting", "hiding", "knitting", "mending",
    "licking", "chewing", "stealing", "hugging", "boiling", "frying", NULL,
};

static const char *const replied[] = {
    "answered", "laughed", "sneezed", "coughed", "whistled", "yawned", "blinked", "shrugged", "sang",
    "whispered", "nodded", "waved", "hiccupped", "giggled", "bowed", "curtsied", NULL,
};

static const char *const shared[] = {
    "shared", "ate", "made", "cooked", "enjoyed", "baked", "tasted", "served", NULL,
};

static const char *const slept[] = {
    "slept", "dreamed", "rested", "smiled", "sang", "danced", "snored", "hummed", "giggled", "yawned",
    "purred", "whistled", NULL,
};

static const char *const wrapped[] = {
    "among", "under", "between", "behind", "beside", "full of", "covered in", "buried in", "next to",
    "on top of", NULL,
};

static const char *const greeting[] = {
    "Good <daypart>", "Hello", "Well met", "Do not cry", "Cheer up", "Welcome", "Dear me", "Listen", NULL,
};

static const char *const perhaps[] = {
    "Perhaps", "Maybe", "It may be", "Who knows", "I think so", "I am not sure", NULL,
};

/* clang-format on */

#endif
