/** The Worker as it is, with a line of log for every call that reaches a Mesh object. */
import type { MeshEnv } from "../../worker/mesh/mesh-object.ts";
import { MeshObject as RealMeshObject } from "../../worker/mesh/mesh-object.ts";

export { default, OriginObject } from "../../worker/index.ts";

export class MeshObject extends RealMeshObject {
  constructor(context: DurableObjectState, env: MeshEnv) {
    super(context, env);
    for (const name of Object.getOwnPropertyNames(RealMeshObject.prototype)) {
      if (name === "constructor") continue;
      const call = Reflect.get(RealMeshObject.prototype, name) as (...args: unknown[]) => unknown;
      // On the class: methods of an instance are not callable from outside.
      Reflect.set(MeshObject.prototype, name, function (this: MeshObject, ...args: unknown[]) {
        console.log(`mesh-call ${name}`);
        return call.apply(this, args);
      });
    }
  }
}
