/** The npm package is CommonJS without types: its `default` is the path of the binary for this platform. */
declare module "workerd" {
  const workerd: { readonly default: string };
  export default workerd;
}
