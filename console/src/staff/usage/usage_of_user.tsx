export function UsageOfUser({ id }: { id: string }) {
  return <p>{id}</p>;
}
