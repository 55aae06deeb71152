/**
 * Three lint rules of this repository, for oxlint. `house/rooms`: who may import whom.
 * `house/comment-width`: no line of a comment goes beyond 100 columns. `house/checked-json`: a
 * document from outside is not cast to a type; a parser reads it and returns a union.
 */
import { posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { ROOMS } from "./rooms.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COLUMNS = 100;

/** @typedef {{ type: string, loc: { start: { line: number, column: number } } }} Node */
/**
 * @typedef {{ filename: string, sourceCode: { lines: string[], getAllComments(): any[] },
 *   report(found: { node: any, message: string }): void }} Context
 */

/**
 * @param {string} path From the repository's root, with slashes.
 * @returns {string | undefined}
 */
export function roomOf(path) {
  const names = Object.keys(ROOMS).filter((room) => path === room || path.startsWith(`${room}/`));
  return names.toSorted((a, b) => b.length - a.length)[0];
}

/**
 * @param {string} importer @param {string} imported Both from the repository's root.
 * @returns {string | null} What is wrong.
 */
export function importProblem(importer, imported) {
  const [from, to] = [roomOf(importer), roomOf(imported)];
  if (from === undefined) return `${importer} is in no room; bin/lint/rooms.js lists them`;
  if (to === undefined) return `${imported} is in no room; bin/lint/rooms.js lists them`;
  if (from === to || ROOMS[from]?.includes(to)) return null;
  return `${from} may not import ${to}; bin/lint/rooms.js says what it may`;
}

/** @param {string} filename */
function pathOf(filename) {
  return relative(ROOT, filename).split(sep).join("/");
}

const rooms = {
  /** @param {Context} context */
  create(context) {
    const importer = pathOf(context.filename);
    /** @param {any} node */
    const check = (node) => {
      const specifier = node.source?.value;
      if (typeof specifier !== "string" || !specifier.startsWith(".")) return;
      const imported = posix.normalize(posix.join(posix.dirname(importer), specifier));
      const message = importProblem(importer, imported);
      if (message !== null) context.report({ node, message });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};

const commentWidth = {
  /** @param {Context} context */
  create(context) {
    return {
      Program() {
        const { lines } = context.sourceCode;
        for (const comment of context.sourceCode.getAllComments()) {
          const { start, end } = comment.loc;
          for (let line = start.line; line <= end.line; line++) {
            const { length } = lines[line - 1] ?? "";
            // A link cannot be broken.
            if (length <= COLUMNS || /https?:\S+$/.test(lines[line - 1] ?? "")) continue;
            const message = `line ${line} of a comment has ${length} columns; at most ${COLUMNS}`;
            context.report({ node: comment, message });
          }
        }
      },
    };
  },
};

const checkedJson = {
  /** @param {Context} context */
  create(context) {
    return {
      /** @param {any} node */
      TSAsExpression(node) {
        if (node.typeAnnotation.type === "TSUnknownKeyword" || !isDocument(node.expression)) return;
        const message =
          "a document from outside is not cast: a parser reads it, and returns a union";
        context.report({ node, message });
      },
    };
  },
};

/**
 * `JSON.parse(…)`, `x.json()`, `unpack(…)`, also awaited, in brackets, or cast before.
 * @param {any} node
 * @returns {boolean}
 */
function isDocument(node) {
  switch (node.type) {
    case "AwaitExpression":
      return isDocument(node.argument);
    case "ParenthesizedExpression":
    case "TSAsExpression":
    case "TSNonNullExpression":
      return isDocument(node.expression);
    case "CallExpression": {
      const { callee } = node;
      if (callee.type === "Identifier") return /^(unpack|decode|parseYaml)$/.test(callee.name);
      if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return false;
      const { name } = callee.property;
      return name === "json" || (name === "parse" && callee.object.name === "JSON");
    }
    default:
      return false;
  }
}

export default {
  meta: { name: "house" },
  rules: { rooms, "comment-width": commentWidth, "checked-json": checkedJson },
};
