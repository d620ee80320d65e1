/**
 * What lies in the warehouse.
 *
 * Imports nothing, because the demo's server reads it too and Node resolves no `.js` to a `.ts` file.
 *
 * @module
 */

/** A kind of goods, and where it lies. */
export interface StockItem {
  /** The aggregate that it is on every device: a random UUID, made once. */
  readonly id: string;
  /** The article number: names the item for ever. */
  readonly sku: string;
  readonly name: string;
  /** Aisle letter and bay. */
  readonly shelf: string;
  /** What is counted, in the singular and the plural. */
  readonly unit: readonly [singular: string, plural: string];
  /** What the last stocktake found: shown until the item is counted. */
  readonly lastStocktakeQuantity: number;
}

/** The aisles, in the order in which one walks them. */
export const AISLES: readonly { readonly letter: string; readonly name: string }[] = [
  { letter: 'A', name: 'Fasteners' },
  { letter: 'B', name: 'Packing' },
  { letter: 'C', name: 'Safety and light' },
];

/** Every item of the warehouse, in the order of the shelves. */
export const STOCK_ITEMS: readonly StockItem[] = [
  {
    id: 'e9396721-5233-43ce-b071-1d7faa4fab96',
    sku: 'BLT-0840',
    name: 'Hex bolts M8 × 40',
    shelf: 'A-01',
    unit: ['box', 'boxes'],
    lastStocktakeQuantity: 36,
  },
  {
    id: '5725ad58-08e4-4396-bed9-f047085f8cb7',
    sku: 'SCR-0560',
    name: 'Wood screws 5 × 60',
    shelf: 'A-02',
    unit: ['box', 'boxes'],
    lastStocktakeQuantity: 52,
  },
  {
    id: '965218a3-d9c4-4d26-9cbc-1162592971cc',
    sku: 'WSH-0008',
    name: 'Flat washers M8',
    shelf: 'A-03',
    unit: ['bag', 'bags'],
    lastStocktakeQuantity: 24,
  },
  {
    id: '8cca3a78-3706-4ad1-8005-bf0c9f282b4e',
    sku: 'PLG-0010',
    name: 'Wall plugs 10 mm',
    shelf: 'A-04',
    unit: ['pack', 'packs'],
    lastStocktakeQuantity: 18,
  },
  {
    id: '3a739ef4-ccf6-481a-9970-0c70d4c9a534',
    sku: 'TPE-0050',
    name: 'Packing tape 50 mm',
    shelf: 'B-01',
    unit: ['roll', 'rolls'],
    lastStocktakeQuantity: 120,
  },
  {
    id: '2bf3fee7-8256-481b-95eb-751141998d00',
    sku: 'CTN-4030',
    name: 'Cartons 400 × 300',
    shelf: 'B-02',
    unit: ['bundle', 'bundles'],
    lastStocktakeQuantity: 40,
  },
  {
    id: '49bee526-5f45-4ec4-883f-12ddd9169534',
    sku: 'FLM-0500',
    name: 'Pallet wrap 500 mm',
    shelf: 'B-03',
    unit: ['roll', 'rolls'],
    lastStocktakeQuantity: 22,
  },
  {
    id: '3e1f6d9b-fd7d-41f5-a97a-fb6b404ba927',
    sku: 'LBL-0A6S',
    name: 'Shipping labels A6',
    shelf: 'B-04',
    unit: ['roll', 'rolls'],
    lastStocktakeQuantity: 15,
  },
  {
    id: '1e9aa19b-a06b-4747-8e95-466a9dba5e92',
    sku: 'GLV-000L',
    name: 'Work gloves, size L',
    shelf: 'C-01',
    unit: ['pair', 'pairs'],
    lastStocktakeQuantity: 64,
  },
  {
    id: '724a8e17-d2cb-40a4-a5c4-bb9b202acd81',
    sku: 'VST-00XL',
    name: 'Hi-vis vests, XL',
    shelf: 'C-02',
    unit: ['piece', 'pieces'],
    lastStocktakeQuantity: 30,
  },
  {
    id: '58f96e2c-48a7-455f-abc9-6401b458c3f6',
    sku: 'LMP-0HED',
    name: 'LED head torches',
    shelf: 'C-03',
    unit: ['piece', 'pieces'],
    lastStocktakeQuantity: 9,
  },
  {
    id: '2fb6c311-913b-4b63-8196-384b00ba75cf',
    sku: 'BAT-24AA',
    name: 'AA batteries, 24s',
    shelf: 'C-04',
    unit: ['pack', 'packs'],
    lastStocktakeQuantity: 27,
  },
];

/** The unit in the number that fits a quantity: `box` of 1, `boxes` of 2. */
export function unitOf(item: StockItem, quantity: number): string {
  return quantity === 1 ? item.unit[0] : item.unit[1];
}
