/** `catwalk mesh create|get|delete NAME`, `catwalk mesh list|confirm-restore`. */
import { Option } from "commander";
import type { Command } from "commander";

import {
  confirmRestore,
  createMesh,
  deleteMesh,
  getMesh,
  listMeshes,
} from "../../shared/api/meshes.ts";
import { JURISDICTIONS } from "../../shared/lib/mesh-name.ts";
import type { Jurisdiction } from "../../shared/lib/mesh-name.ts";
import { clientOf, warnUnlessPropagated, withExample, withOutput, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { renderList, renderOne } from "./output.ts";

type Flags = ServerFlags & OutputFlags;

interface CreateFlags extends Flags {
  readonly jurisdiction?: Jurisdiction;
}

export const registerMesh: RegisterCommand = (program) => {
  const mesh = withExample(
    program.command("mesh").description("meshes of a hub"),
    "catwalk mesh create demo",
  );
  registerCreate(mesh);
  registerGet(mesh);
  registerDelete(mesh);
  registerConfirmRestore(mesh);
  registerList(mesh);
};

function registerCreate(mesh: Command): void {
  withExample(
    withOutput(withServer(mesh.command("create <name>").description("make a mesh"))).addOption(
      new Option(
        "--jurisdiction <where>",
        "on Cloudflare: nothing of it leaves; it becomes the end of the name, for good",
      ).choices(JURISDICTIONS),
    ),
    "catwalk mesh create demo",
  ).action(async (given: string, flags: CreateFlags) => {
    const { jurisdiction } = flags;
    const body =
      jurisdiction === undefined
        ? { name: given }
        : { name: nameIn(given, jurisdiction), jurisdiction };
    const made = await clientOf(flags).call(createMesh, { body });
    print(
      flags.output === undefined
        ? `mesh ${made.name} created\n`
        : renderOne(made, made.name, flags.output),
    );
  });
}

/** A name that says where already is left as it is: the hub compares. */
function nameIn(name: string, jurisdiction: Jurisdiction): string {
  return name.includes(".") ? name : `${name}.${jurisdiction}`;
}

function registerGet(mesh: Command): void {
  withExample(
    withOutput(withServer(mesh.command("get <name>").description("show a mesh"))),
    "catwalk mesh get demo -o json",
  ).action(async (name: string, flags: Flags) => {
    const shown = await clientOf(flags).call(getMesh, { params: { mesh: name } });
    print(renderOne(shown, name, flags.output));
  });
}

function registerDelete(mesh: Command): void {
  withExample(
    withServer(mesh.command("delete <name>").description("remove a mesh with all its clusters")),
    "catwalk mesh delete demo",
  ).action(async (name: string, flags: Flags) => {
    warnUnlessPropagated(await clientOf(flags).call(deleteMesh, { params: { mesh: name } }));
    print(`mesh ${name} deleted\n`);
  });
}

function registerConfirmRestore(mesh: Command): void {
  withExample(
    withServer(
      mesh
        .command("confirm-restore")
        .description("after a restore: what the hub permits now is what you want"),
    ),
    "catwalk mesh confirm-restore --mesh demo",
  ).action(async (flags: ServerFlags) => {
    const client = clientOf(flags);
    warnUnlessPropagated(await client.call(confirmRestore, { params: { mesh: client.mesh } }));
    print("confirmed: relays show what the hub permits\n");
  });
}

function registerList(mesh: Command): void {
  withExample(
    withOutput(withServer(mesh.command("list").description("list the hub's meshes"))),
    "catwalk mesh list",
  ).action(async (flags: Flags) => {
    const { items } = await clientOf(flags).call(listMeshes, {});
    print(
      renderList(
        items,
        {
          columns: [
            { title: "NAME", of: (row) => row.name },
            { title: "CREATED", of: (row) => row.createdAt },
            { title: "JURISDICTION", of: (row) => row.jurisdiction ?? "", wide: true },
            { title: "ID", of: (row) => row.id, wide: true },
          ],
          name: (row) => row.name,
          empty: "no meshes: make one with `catwalk mesh create NAME`",
        },
        flags.output,
      ),
    );
  });
}
