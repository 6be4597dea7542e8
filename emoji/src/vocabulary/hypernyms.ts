/**
 * Kinds of things that questions ask for. A noun is doubtful if people may disagree whether it is of the kind (is an olive a fruit?):
 * images that show it never have the answer "no".
 */
import type { Noun } from "./vocabulary.js";

interface Rule {
  readonly word: string;
  readonly holds: (noun: Noun) => boolean;
  readonly doubtful: (noun: Noun) => boolean;
}

const listed = (text: string) => {
  const words = new Set(text.split(",").map((word) => word.trim()));
  return (noun: Noun) => words.has(noun.noun);
};
const first =
  (...categories: string[]) =>
  (noun: Noun) =>
    categories.includes(noun.cats[0]!);
const last = (category: string) => (noun: Noun) => noun.cats.at(-1) === category;
const both = (one: Rule["holds"], other: Rule["holds"]) => (noun: Noun) => one(noun) && other(noun);
const either = (one: Rule["holds"], other: Rule["holds"]) => (noun: Noun) => one(noun) || other(noun);
const not = (rule: Rule["holds"]) => (noun: Noun) => !rule(noun);

const notQuiteFruit = listed("olive,tomato,coconut,avocado,peanut,chestnut,cucumber,ginger,corn,mushroom");
const rides = "roller skate,skateboard,kick scooter,wheelchair,parachute,satellite,cable car";

export const hypernymRules: readonly Rule[] = [
  {
    word: "animal",
    holds: both(first("animal"), not(listed("shell,coral,dragon,unicorn"))),
    doubtful: listed(
      `teddy bear,shell,coral,dragon,unicorn,carousel horse,nest,fried shrimp,sushi,drumstick,kiss,turkey,fishing rod,zombie,hatching,
      mermaid,bone,steak,meat on bone,honey pot,piñata,pinata,santa claus,bento box`,
    ),
  },
  {
    word: "fruit",
    holds: both(last("fruit"), not(notQuiteFruit)),
    doubtful: listed(
      `olive,tomato,coconut,avocado,peanut,chestnut,cucumber,corn,pumpkin,eggplant,bell pepper,chili pepper,juice box,cocktail,pie,
      slice of cake,birthday cake`,
    ),
  },
  {
    word: "vegetable",
    holds: both(last("vegetable"), not(notQuiteFruit)),
    doubtful: listed(
      `olive,tomato,avocado,peanut,chestnut,cucumber,ginger,corn,mushroom,salad,pumpkin,seedling,clover,bento box,stew,curry,
      sheaf of rice`,
    ),
  },
  {
    word: "food",
    holds: both(first("food"), not(listed("salt,honey pot,can of food"))),
    doubtful: either(
      either(first("drink", "animal", "plant"), (noun) => noun.cats.includes("kitchen")),
      listed("salt,honey pot,can of food,mushroom,pumpkin,birthday cake"),
    ),
  },
  {
    word: "drink",
    holds: both(first("drink"), not(listed("teapot,baby bottle,bottle of champagne"))),
    doubtful: listed("teapot,baby bottle,bottle of champagne,coconut,bubble tea,ice cube,jar,noodles,stew"),
  },
  {
    word: "vehicle",
    holds: both(first("vehicle"), not(listed(rides))),
    doubtful: listed(`${rides},sled,roller coaster,shopping cart,cyclist,surfer,ferris wheel,hot air balloon`),
  },
  {
    word: "building",
    holds: both(last("building"), not(listed("statue of liberty"))),
    doubtful: listed(
      `statue of liberty,tent,circus tent,bridge,fountain,island,mountain,ferris wheel,roller coaster,wedding chapel,gas pump,bus stop,
      door`,
    ),
  },
  {
    word: "flower",
    holds: both(last("flower"), not(listed("bouquet"))),
    doubtful: listed("bouquet,potted plant,clover,seedling,tree,vase,painting,map,nest,hat,hibiscus"),
  },
  {
    word: "person",
    holds: ({ noun, cats }) => cats.join() === "person" && !noun.includes("face") && noun !== "family",
    doubtful: either(first("person"), listed("statue of liberty,nesting dolls,painting,moai,shower,bathtub,bed")),
  },
  {
    word: "musical instrument",
    holds: listed("saxophone,trumpet,accordion,guitar,violin,banjo,drum,maracas,flute,piano keyboard"),
    doubtful: listed("musical note,bell,microphone,radio,speaker,megaphone,headphones,bellhop bell"),
  },
  {
    word: "ball",
    holds: listed("soccer ball,baseball,basketball,volleyball"),
    doubtful: listed(
      `tennis ball,bowling ball,billiard ball,american football,disco ball,crystal ball,ball of yarn,badminton racket,ping pong paddle,
      field hockey stick,globe,moon,sun,christmas tree,golf hole,slot machine`,
    ),
  },
];
